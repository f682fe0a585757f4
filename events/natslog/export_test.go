package natslog

import "github.com/nats-io/nats.go/jetstream"

// Disturb puts something between the log and the server.
func (l *Log) Disturb(by func(jetstream.JetStream) jetstream.JetStream) { l.js = by(l.js) }
