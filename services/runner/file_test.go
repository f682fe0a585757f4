package runner

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/events"
)

// oneFile has a file of so many bytes, that cannot be closed without an error.
type oneFile struct {
	content string
	closing error
}

func (f *oneFile) Open(_ context.Context, _ events.DocumentID, file events.File) (io.ReadCloser, error) {
	if file.Ref != "sha256:ab" {
		return nil, events.ErrNotFound
	}
	return f, nil
}

func (f *oneFile) Read(p []byte) (int, error) {
	if f.content == "" {
		return 0, io.EOF
	}
	n := copy(p, f.content)
	f.content = f.content[n:]
	return n, nil
}

func (f *oneFile) Close() error { return f.closing }

func TestTheFileOfAVisitIsReadUpToItsLimit(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		what, input string
		file        *oneFile
		reason      string
		err         error
		says        string
	}{
		{what: "as many bytes as may be", input: `{"file":{"ref":"sha256:ab","size":4}}`, file: &oneFile{content: "four"}},
		{what: "more than it says", input: `{"file":{"ref":"sha256:ab","size":4}}`, file: &oneFile{content: "fives"}, reason: ReasonTooLarge},
		{what: "more than may be", input: `{"file":{"ref":"sha256:ab","size":5}}`, file: &oneFile{content: "four"}, reason: ReasonTooLarge},
		{what: "a file that is gone", input: `{"file":{"ref":"sha256:cd"}}`, file: &oneFile{}, err: events.ErrNotFound},
		{what: "one that ends in an error", input: `{"file":{"ref":"sha256:ab"}}`, file: &oneFile{closing: broken}, err: broken},
		{what: "no input", input: `[`, file: &oneFile{}, says: "input of d"},
	} {
		content, err := ReadFile(t.Context(), c.file, Visit{Document: "d", Input: []byte(c.input)}, 4)
		rejection, rejected := AsRejection(err)
		switch {
		case rejected != (c.reason != "") || rejected && rejection.Code != c.reason:
			t.Errorf("%s: %v, want the reason %q", c.what, err, c.reason)
		case c.err != nil && !errors.Is(err, c.err) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: %v, want %v", c.what, err, c.err)
		case c.reason == "" && c.err == nil && c.says == "" && (err != nil || !bytes.Equal(content, []byte("four"))):
			t.Errorf("%s: %q, %v", c.what, content, err)
		}
	}
}
