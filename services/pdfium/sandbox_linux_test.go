package pdfium_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
)

// confinedCommand is the argument with which the test binary confines itself
// and says what it still can do.
const confinedCommand = "confined"

type confined struct {
	Held, Missing       []string
	Read, Create, Write string
	Dial                string
}

func confineAndTry() {
	var c confined
	file, err := os.OpenFile(os.Args[3], os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	c.Held, c.Missing = pdfium.Confine()
	why := func(err error) string {
		switch {
		case err == nil:
			return "allowed"
		case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EFBIG):
			return "denied"
		}
		return err.Error()
	}
	_, err = os.ReadFile("/etc/passwd")
	c.Read = why(err)
	_, err = os.Create(os.Args[3] + "-new")
	c.Create = why(err)
	_, err = file.WriteString("x")
	c.Write = why(err)
	_, err = net.Dial("tcp", os.Args[2])
	c.Dial = why(err)
	_ = json.NewEncoder(os.Stdout).Encode(c) // a pipe; the test sees if it fails
	os.Exit(0)
}

func TestAConfinedChildReachesNoFileAndNoNetwork(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close() //nolint:errcheck // the test is over
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), executable, confinedCommand, listener.Addr().String(), file)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var got confined
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	if got.Write != "denied" || !slices.Contains(got.Held, "file-size") {
		t.Errorf("writing to a file that was open: %s, want it denied by the limit", got.Write)
	}
	if !slices.ContainsFunc(got.Held, func(s string) bool { return strings.HasPrefix(s, "landlock") }) {
		t.Skipf("NOT TESTED: files and network of a child; this kernel has no Landlock (%v)", got.Missing)
	}
	if got.Read != "denied" || got.Create != "denied" || got.Dial != "denied" {
		t.Errorf("got %+v, want everything denied", got)
	}
}
