// Command shift writes an overlay for go build in which package time has one
// function more:
//
//	func ShiftNow(seconds int64)
//
// It makes time.Now wrong by as many seconds. The monotonic clock stays right.
// The fault harness is built with it, and nothing else.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

func main() {
	if len(os.Args) != 2 {
		_, _ = fmt.Fprintln(os.Stderr, "usage: shift DIR")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "shift:", err)
		os.Exit(1)
	}
}

// write writes the changed file and overlay.json into a directory.
func write(dir string) error {
	original := filepath.Join(runtime.GOROOT(), "src", "time", "time.go") //nolint:staticcheck // go run tells it
	raw, err := os.ReadFile(original)                                     //nolint:gosec // Go's own
	if err != nil {
		return err
	}
	changed, err := shifted(string(raw))
	if err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	copied := filepath.Join(dir, "time.go.txt") // no package of the module
	if err := os.WriteFile(copied, []byte(changed), 0o600); err != nil {
		return err
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {original: copied}})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600)
}

var errOther = errors.New("time.Now is not what it was in Go 1.26; look how it can be shifted")

// shifted changes the source of package time.
func shifted(source string) (string, error) {
	const (
		now     = "\nfunc Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
		imports = "import (\n"
	)
	if strings.Count(source, now) != 1 || strings.Count(source, imports) != 1 {
		return "", errOther
	}
	source = strings.Replace(source, imports, imports+"\t\"sync/atomic\"\n", 1)
	source = strings.Replace(source, now, now+"\tsec += nowShift.Load()\n", 1)
	return source + `
var nowShift atomic.Int64

// ShiftNow makes Now wrong by as many seconds.
func ShiftNow(seconds int64) { nowShift.Store(seconds) }
`, nil
}
