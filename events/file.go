package events

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// A File is a claim check: it stands in an event's data for bytes that lie in
// the file store. Its JSON form is
//
//	{"ref":"sha256:<64 hex digits>","size":<bytes>,"mediaType":"application/pdf"}
//
// A file belongs to the document, and the step, that put it there.
type File struct {
	Ref       string `json:"ref"`
	Size      int64  `json:"size"`
	MediaType string `json:"mediaType"`
}

// Digest returns the SHA-256 of the file's content as 64 hexadecimal digits,
// or an error if Ref is not of the form "sha256:<digits>".
func (f File) Digest() (string, error) {
	digest, ok := strings.CutPrefix(f.Ref, "sha256:")
	if raw, err := hex.DecodeString(digest); !ok || err != nil || len(raw) != 32 || digest != strings.ToLower(digest) {
		return "", fmt.Errorf("events: file reference %.80q: want sha256: and 64 lower-case hexadecimal digits", f.Ref)
	}
	return digest, nil
}
