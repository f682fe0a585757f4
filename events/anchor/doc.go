// Package anchor keeps, outside the streams, how far each shard of the saga
// log went and a digest of all of it, and compares that with a stopped
// server's files before it may open them. One server alone has no second copy:
// of a damaged block it keeps what is before the damage, truncates the rest,
// and gives the sequences out again, without an error.
//
// An [Anchor] is a feed.Reader. Its file is JSON:
//
//	{"shards":{"0":{"seq":1047,"digest":"<64 hex digits>"}, ...}}
//
// The digest after message n is SHA-256 of the digest after n-1 (32 bytes, of
// zeros before the first), the sequence, the time in Unix nanoseconds (8 bytes
// each, big endian), the length of the subject (4 bytes), the subject, and the
// data; of a message in no slot, subject and data count as empty.
//
// [Check] reads the server's own files. A stream is a directory with blocks
// msgs/<n>.blk, and a block a row of records, all little endian (filestore.go
// of nats-server 2.15):
//
//	length 4 (its highest bit: there are headers), sequence 8, time 8, length of the subject 2,
//	subject, [length of the headers 4, headers], data, checksum 8
//
// The checksum is HighwayHash-64 of sequence, time, subject, headers and data
// under the key SHA-256("<stream>-<n>").
package anchor
