// Package api is docsaga over HTTP: submit documents, ask where they are and
// what happened to them, mend what is stuck, deploy definitions, and follow
// the log live. It is described by itself at /openapi.json (OpenAPI 3.1), for
// people at /docs, and the events that it carries at /asyncapi.json.
//
// # Positions
//
// What changes something answers with Saga-Position: where its event stands in
// the log. A read with Saga-Min-Position answers from that position on, or
// with 503 if it is not there within the time that Prefer: wait=<seconds>
// gives, 2 seconds if it gives none. So whoever writes reads what it wrote.
//
// # Keys
//
// A request carries a key as "Authorization: Bearer <key>", or the console's
// session cookie. A key has a role: viewer, submitter, operator or admin, each
// with what the one before may. A server without keys serves the machine that
// it runs on only, by names of that machine only.
//
// Errors are problems as RFC 9457 describes them.
package api
