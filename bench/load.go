package main

import (
	"bytes"
	"os"
)

// load returns the machine's load averages, which say what else it had to do.
func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return string(bytes.Join(bytes.Fields(raw)[:3], []byte(" ")))
}
