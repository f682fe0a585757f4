package scan

import (
	"bytes"
	"slices"
	"strings"
)

// readReferenced reads the objects that cross-reference tables and streams
// point at and that reading from the beginning did not come by.
func (s *scanner) readReferenced() {
	header := max(0, bytes.Index(s.data[:min(len(s.data), 1024)], []byte("%PDF-")))
	offsets := s.tableOffsets()
	for i := range s.objects {
		if o := &s.objects[i]; o.stream && s.resolve(o.dict["Type"]).name == "XRef" {
			offsets = append(offsets, s.streamOffsets(o)...)
		}
	}
	s.linear = len(s.started)
	slices.Sort(offsets)
	for _, offset := range slices.Compact(offsets) {
		s.readAt(offset)
		if header > 0 {
			s.readAt(offset + int64(header))
		}
		if s.full() {
			return
		}
	}
}

// readAt reads the object that starts at offset, if there is one that is new.
func (s *scanner) readAt(offset int64) {
	if offset <= 0 || offset >= int64(len(s.data)) {
		return
	}
	lex := &lexer{data: s.data, pos: int(offset), work: &s.work}
	number, generation, word := lex.next(), lex.next(), lex.next()
	if number.kind != tokInt || generation.kind != tokInt || word.kind != tokWord ||
		!strings.HasPrefix(word.text, "obj") {
		return
	}
	if _, known := slices.BinarySearch(s.started[:s.linear], number.pos); known {
		return
	}
	lex.pos = word.pos + len("obj")
	s.readObject(lex, number)
}

// tableOffsets returns the offsets of all table entries in use:
// "0000000017 00000 n" (7.5.4).
func (s *scanner) tableOffsets() []int64 {
	var offsets []int64
	rest := s.data
	for len(offsets) < s.limits.Objects {
		at := bytes.Index(rest, []byte("xref"))
		if at < 0 {
			break
		}
		rest = rest[at+len("xref"):]
		lex := &lexer{data: rest, work: &s.work}
		var before, last token
		for range 3 * s.limits.Objects {
			tok := lex.next()
			if tok.kind == tokWord && tok.text == "n" && before.kind == tokInt && last.kind == tokInt {
				offsets = append(offsets, before.num)
			} else if tok.kind != tokInt && (tok.kind != tokWord || tok.text != "f") {
				break
			}
			before, last = last, tok
		}
		rest = rest[min(lex.pos, len(rest)):]
	}
	return offsets
}

// streamOffsets returns the offsets in a cross-reference stream (7.5.8).
func (s *scanner) streamOffsets(o *object) []int64 {
	widths := s.resolve(o.dict["W"]).array
	if len(widths) < 3 {
		return nil
	}
	var w [3]int
	size := 0
	for i := range w {
		if n := widths[i].num; n >= 0 && n <= 8 {
			w[i] = int(n)
		}
		size += w[i]
	}
	data, _ := s.decode(o)
	var offsets []int64
	for ; size > 0 && len(data) >= size && len(offsets) < s.limits.Objects; data = data[size:] {
		kind := int64(1)
		if w[0] > 0 {
			kind = bigEndian(data[:w[0]])
		}
		if kind == 1 {
			offsets = append(offsets, bigEndian(data[w[0]:w[0]+w[1]]))
		}
	}
	return offsets
}

func bigEndian(b []byte) int64 {
	var n int64
	for _, c := range b {
		n = n<<8 | int64(c)
	}
	return n
}
