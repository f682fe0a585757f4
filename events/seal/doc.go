// Package seal keeps what is personal in the saga log unreadable to those who
// do not have the document's key, so that it can be forgotten: the log is never
// changed, but a key can be destroyed.
//
// # Form
//
// Each document has a key of 32 random bytes. In place of an event's data the
// log holds
//
//	{"sealed":"<base64>","error":{"code":"too-large"},"by":{"actor":"ann"}}
//
// where error and by are there if the data has them: what decides, and who asked
// for it, stays readable. The base64 stands for a box,
//
//	1 byte    1, the form of the box
//	8 bytes   which key: the first of SHA-256("docsaga key" + key)
//	12 bytes  nonce, random
//	n bytes   the data, encrypted with AES-256-GCM
//	16 bytes  tag
//
// The event's subject is the additional data, so that a box put into another
// slot does not open. Opened is exactly what was sealed. A key seals a few
// thousand boxes at most, and 2^32 are allowed with random nonces.
//
// The chunks of a file are boxes too, without base64; their additional data is
// the subject under which they are stored.
//
// # Keys
//
// A [Keys] keeps the keys apart from the log. Under a master key they are kept
// wrapped: encrypted with it, with the document's id as additional data. A key
// that was destroyed leaves a mark, and so no new one can be made under that id:
// what was sealed with the old one reads as erased, for ever.
package seal
