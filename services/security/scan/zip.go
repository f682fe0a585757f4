package scan

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
)

// maxEntries is how many files of an archive are looked at.
const maxEntries = 1000

// runZIP looks at an archive, which may be an office document.
func (s *scanner) runZIP() {
	s.seen = make(map[Finding]bool)
	archive, err := zip.NewReader(bytes.NewReader(s.data), int64(len(s.data)))
	if err != nil {
		return // then nobody else can open it as one either
	}
	for i, entry := range archive.File {
		if i >= maxEntries {
			s.find(Unscanned, 0, "an archive of many files")
			return
		}
		s.readEntry(i+1, entry)
	}
}

// readEntry looks at one file of an archive. number stands for an object's.
func (s *scanner) readEntry(number int, entry *zip.File) {
	limit := min(s.limits.Stream, s.budget.left)
	r, err := entry.Open()
	if err != nil || limit <= 0 {
		s.find(Unscanned, number, "a file in an archive that cannot be read")
		return
	}
	defer r.Close() //nolint:errcheck // nothing is written
	var out bytes.Buffer
	_, _ = io.Copy(&out, io.LimitReader(r, limit)) // what comes before an error counts
	data := out.Bytes()
	s.budget.left -= int64(len(data))
	if int64(len(data)) >= limit {
		kind := Unscanned
		if int64(entry.CompressedSize64) < int64(len(data))/s.limits.Ratio || entry.UncompressedSize64/uint64(s.limits.Ratio) > entry.CompressedSize64 {
			kind = Bomb
		}
		s.find(kind, number, fmt.Sprintf("a file in an archive has more than %d bytes", limit))
		return
	}
	s.malware(data, number)
	if e := s.file(number, data); e.Type == "pdf" || e.Type == "zip" || e.Type == "executable" || e.Type == "script" {
		s.result.Embedded = append(s.result.Embedded, e)
	}
}
