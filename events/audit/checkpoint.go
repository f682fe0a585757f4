package audit

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// ErrBad reports that what was to be checked does not hold. The error's text
// says what is wrong.
var ErrBad = errors.New("the evidence does not hold")

// A Checkpoint says how long a log is and which root it has.
type Checkpoint struct {
	Log  string // log-<shard> or definitions
	Size int64  // leaves
	Root tlog.Hash
	Time time.Time // when it was made, by the clock of who signed it
}

// sign returns the checkpoint as a note signed by the key.
func (c Checkpoint) sign(key note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s/%s\n%d\n%v\ntime %s\n", key.Name(), c.Log, c.Size, c.Root, c.Time.UTC().Format(time.RFC3339))
	signed, err := note.Sign(&note.Note{Text: text}, key)
	if err != nil {
		return nil, fmt.Errorf("audit: sign checkpoint of %s: %w", c.Log, err)
	}
	return signed, nil
}

// OpenCheckpoint checks a checkpoint's signature and reads it. The error wraps
// [ErrBad] if the key did not sign it, or it is none.
func OpenCheckpoint(signed []byte, key note.Verifier) (Checkpoint, error) {
	bad := func(format string, args ...any) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("audit: checkpoint: "+format+": %w", append(args, ErrBad)...)
	}
	n, err := note.Open(signed, note.VerifierList(key))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		return bad("not signed by the key %s (%08x)", key.Name(), key.KeyHash())
	case errors.As(err, &invalid):
		return bad("its signature by %s is not of this text", key.Name())
	case err != nil:
		return bad("not a signed note")
	}
	if !isPlain(n, signed) {
		return bad("its signature is not in the one form that it has")
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 5 {
		return bad("%d lines, want 4", len(lines)-1)
	}
	var c Checkpoint
	var ok bool
	if c.Log, ok = strings.CutPrefix(lines[0], key.Name()+"/"); !ok {
		return bad("of %.100q, which the key %s does not speak for", lines[0], key.Name())
	}
	if c.Size, err = strconv.ParseInt(lines[1], 10, 64); err != nil || c.Size < 0 {
		return bad("size %.40q", lines[1])
	}
	if c.Root, err = tlog.ParseHash(lines[2]); err != nil {
		return bad("root %.80q", lines[2])
	}
	text, ok := strings.CutPrefix(lines[3], "time ")
	if c.Time, err = time.Parse(time.RFC3339, text); err != nil || !ok {
		return bad("%.60q instead of a time", lines[3])
	}
	return c, nil
}

// isPlain reports whether a note has one signature, in the one form of base64
// that its bytes have: the last digit holds bits that a decoder may ignore.
func isPlain(n *note.Note, signed []byte) bool {
	if len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 0 {
		return false
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
	want := n.Text + "\n— " + n.Sigs[0].Name + " " + base64.StdEncoding.EncodeToString(sig) + "\n"
	return err == nil && want == string(signed)
}

// splitCheckpoints cuts a file of checkpoints into signed notes. What is left
// of one that was being written is returned apart.
func splitCheckpoints(file []byte) (signed [][]byte, rest []byte) {
	for {
		begin := bytes.Index(file, []byte("\n— "))
		if begin < 0 {
			return signed, file
		}
		end := bytes.Index(file[begin:], []byte("\n\n"))
		if end < 0 {
			return signed, file
		}
		signed = append(signed, file[:begin+end+1])
		file = file[begin+end+2:]
	}
}

// ReadCheckpoints returns the signed notes of a file of checkpoints, oldest
// first. A file that is not there has none.
func ReadCheckpoints(path string) ([][]byte, error) {
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	signed, rest := splitCheckpoints(file)
	if len(bytes.TrimSpace(rest)) > 0 {
		signed = append(signed, rest) // cut off, or no checkpoint: its check will tell
	}
	return signed, nil
}
