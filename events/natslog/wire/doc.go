// Package wire is a second connection to a NATS server for what has to be fast:
// publishing to the log, and reading from it.
//
// It leaves to nats.go what is rare and hard: which server of a cluster to go
// to, credentials, TLS settings, requests. A [Conn] goes to the server that its
// nats.Conn is connected to, in the same name, and lives as long as that. What
// it leaves out is what costs nats.go the most: a map of each message's
// header, made anew from each map that is published, and a goroutine and a
// channel between the connection and each subscriber. Handlers here are called
// by the one goroutine that reads, with the bytes where they were read; they
// must not block.
//
// A lost connection is made anew. What was on its way then is lost, as with
// every NATS connection, and its subscribers are told that.
package wire
