package pdfium

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
)

// Between the pool and a child go frames: two big-endian uint32, the lengths
// of a header and of a body, then the header (JSON) and the body (bytes). The
// pool sends a greeting, the child answers ready; from then on every request
// frame (its body is the file) is answered by one reply frame (its body is
// the reply's byte strings one after another, in the order of the header).
const (
	maxHeader = 64 << 20
	maxBody   = 512 << 20
)

type greeting struct {
	CacheDir    string `json:"cacheDir"`
	MemoryPages uint32 `json:"memoryPages"`
}

type ready struct {
	Sandbox []string `json:"sandbox"` // what holds: "landlock", "rlimits"
	Missing []string `json:"missing"` // what does not, and why
	Error   string   `json:"error,omitempty"`
}

type reply struct {
	Code      string  `json:"code,omitempty"` // a key of codes; empty is a success
	Detail    string  `json:"detail,omitempty"`
	Report    *Report `json:"report,omitempty"`
	Decrypted int     `json:"decrypted,omitempty"` // length of Report.Decrypted
}

func writeFrame(w io.Writer, header any, body ...[]byte) error {
	head, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("pdfium: write frame: %w", err)
	}
	size := 0
	for _, b := range body {
		size += len(b)
	}
	if len(head) > maxHeader || size > maxBody {
		return fmt.Errorf("pdfium: write frame of %d and %d bytes: %w", len(head), size, ErrTooLarge)
	}
	first := make([]byte, 8, 8+len(head))
	binary.BigEndian.PutUint32(first, uint32(len(head)))
	binary.BigEndian.PutUint32(first[4:], uint32(size))
	if _, err := w.Write(append(first, head...)); err != nil {
		return fmt.Errorf("pdfium: write frame: %w", err)
	}
	for _, b := range body {
		if _, err := w.Write(b); err != nil {
			return fmt.Errorf("pdfium: write frame: %w", err)
		}
	}
	return nil
}

// readFrame decodes the next frame's header into header and returns the body.
// It returns io.EOF if the other side has closed between two frames.
func readFrame(r io.Reader, header any) ([]byte, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(r, lengths[:]); err != nil {
		if err == io.EOF {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("pdfium: read frame: %w", err)
	}
	headLen, bodyLen := binary.BigEndian.Uint32(lengths[:]), binary.BigEndian.Uint32(lengths[4:])
	if headLen > maxHeader || bodyLen > maxBody {
		return nil, fmt.Errorf("pdfium: read frame of %d and %d bytes: %w", headLen, bodyLen, ErrTooLarge)
	}
	head, err := readBytes(r, int(headLen))
	if err != nil {
		return nil, fmt.Errorf("pdfium: read frame: %w", err)
	}
	body, err := readBytes(r, int(bodyLen))
	if err != nil {
		return nil, fmt.Errorf("pdfium: read frame: %w", err)
	}
	if err := json.Unmarshal(head, header); err != nil {
		return nil, fmt.Errorf("pdfium: read frame: %w", err)
	}
	return body, nil
}

// readBytes reads n bytes. Memory grows with what arrives, not with what was
// announced.
func readBytes(r io.Reader, n int) ([]byte, error) {
	const step = 4 << 20
	out := make([]byte, min(n, step))
	if _, err := io.ReadFull(r, out); err != nil {
		return nil, io.ErrUnexpectedEOF
	}
	for len(out) < n {
		have := len(out)
		out = append(out, make([]byte, min(n-have, max(step, have)))...)
		if _, err := io.ReadFull(r, out[have:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
	}
	return out, nil
}

// blobs returns the byte strings of r in the order in which they travel.
func (r *Report) blobs() [][]byte {
	var all [][]byte
	for i := range r.Attachments {
		all = append(all, r.Attachments[i].Content)
	}
	for i := range r.Pictures {
		all = append(all, r.Pictures[i].PNG)
	}
	return append(all, r.Decrypted)
}

// takeBlobs gives r its byte strings out of body; decrypted is the length of
// the last one.
func (r *Report) takeBlobs(body []byte, decrypted int) error {
	whole := true
	take := func(n int) []byte {
		if n < 0 || n > len(body) {
			whole = false
			return nil
		}
		blob := body[:n:n]
		body = body[n:]
		return blob
	}
	for i := range r.Attachments {
		a := &r.Attachments[i]
		a.SHA256 = ""
		if a.Size != 0 {
			a.Content = take(a.Size)
			sum := sha256.Sum256(a.Content)
			a.SHA256 = hex.EncodeToString(sum[:])
		}
	}
	for i := range r.Pictures {
		r.Pictures[i].PNG = take(r.Pictures[i].Size)
	}
	if decrypted > 0 {
		r.Decrypted = take(decrypted)
	}
	if !whole || len(body) != 0 {
		return fmt.Errorf("pdfium: read reply: its parts do not add up: %w", ErrCrashed)
	}
	return nil
}
