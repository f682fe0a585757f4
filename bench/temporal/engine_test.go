package main

import (
	"testing"

	"github.com/docsaga/docsaga/bench/peer"
	"github.com/docsaga/docsaga/bench/peer/peertest"
)

func TestTemporalHasFiveStepsOnRecordForEachDocument(t *testing.T) {
	peertest.Run(t, peer.Peer{Start: start})
}
