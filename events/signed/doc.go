// Package signed signs events and checks who has signed them, as version 0.1 of
// CloudEvents' DSSE extension says.
//
// # The signature
//
// The attribute dssematerial (header ce-dssematerial) is the base64 of a DSSE
// envelope, {"payload","payloadType","signatures":[{"keyid","sig"}]}. Its
// payload is the SHA-256 of these digests, 32 bytes each, one after another:
// of id, source, specversion, type, datacontenttype, dataschema, subject, time
// (RFC 3339 in UTC, to the second) and data; then, for each attribute that
// signedextattrs names, of its name and of its value. An attribute that is not
// there counts as empty. Ed25519 signs DSSE's encoding of type and payload.
//
// The attributes that must be named are causationid, sagadefinition,
// sagaversion and sagaworker, in this order. Definition and version stand in
// the NATS subject; with them, and with the id, a signed event belongs to one
// slot and to no other. Time is signed to the second only, for the extension
// says so; when the log stored it, its checkpoints say.
//
// # Who is trusted
//
// A file of signers has a line of JSON each:
//
//	{"name":"security","key":"<base64, 32 bytes>","sources":["/docsaga/services/security"]}
//
// A signer may write events of its sources only; an asterisk at the end of one
// stands for anything. With "revoked" what the log has stored since then is
// refused. The line {"from":"<time>"} says that what was stored before needs no
// signature. The keyid is the first 16 hexadecimal digits of the key's SHA-256.
//
// # What becomes of others
//
// Who reads a log with a guard takes an event that is not signed as it must be
// for none: an outcome stands for a failure with the reason "unsigned", for its
// slot is taken; a submission has no data, so that its first step fails; a
// command is not obeyed.
package signed
