package main

import (
	"testing"

	"github.com/docsaga/docsaga/bench/peer/peertest"
)

func TestEachPeerHasFiveStepsOnRecordForEachDocument(t *testing.T) {
	for name, p := range peers() {
		t.Run(name, func(t *testing.T) { peertest.Run(t, p) })
	}
}
