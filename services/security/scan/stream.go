package scan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// open looks into a stream by what it is.
func (s *scanner) open(o *object) {
	isImage := s.resolve(o.dict["Subtype"]).name == "Image"
	if isImage {
		s.openImage(o)
		return
	}
	data, state := s.decode(o)
	if state.filters > 0 { // otherwise they were looked at with the file
		s.malware(data, o.number)
		s.work += workFactor * int64(len(data))
	}
	kind := s.passOf(o)
	if state.over {
		switch {
		case kind == 0, state.out > s.limits.Ratio*max(1, state.in):
			s.find(Bomb, o.number, fmt.Sprintf("%d bytes decode to more than %d", state.in, state.out))
		default:
			s.find(Unscanned, o.number, fmt.Sprintf("stopped after %d decoded bytes", state.out))
		}
	}
	if state.filters > s.limits.Filters {
		s.find(Bomb, o.number, fmt.Sprintf("%d filters on one stream", state.filters))
	}
	switch kind {
	case 0:
		s.readObjectStream(o, data)
	case 1:
		s.readEmbedded(o, data)
	default:
		if bytes.HasPrefix(data, []byte("%PDF-")) {
			s.readEmbedded(o, data) // whatever it says that it is
		}
	}
}

// openImage decodes the samples of an image for a budget of their own: large
// ones are common, and they hold nothing to look for. One with far more
// samples than its size explains is a bomb.
func (s *scanner) openImage(o *object) {
	expected := s.resolve(o.dict["Width"]).num
	height := s.resolve(o.dict["Height"]).num
	if expected < 0 || height < 0 || expected > 1<<20 || height > 1<<20 {
		expected, height = 0, 0
	}
	expected *= height * 8 // at most 4 components of 16 bits
	common := s.budget.left
	s.budget.left = s.budget.images
	_, state := s.decode(o)
	s.budget.images, s.budget.left = s.budget.left, common
	if state.over && state.out >= s.limits.Stream && expected < state.out && state.out > s.limits.Ratio*max(1, state.in) {
		s.find(Bomb, o.number, fmt.Sprintf("an image of %d samples decodes to more than %d bytes", expected/8, state.out))
	}
}

// readObjectStream reads the objects within an object stream (7.5.7). Whatever
// the offsets at its beginning say, they are read one after another, and those
// that the offsets point at.
func (s *scanner) readObjectStream(o *object, data []byte) {
	first := int(min(max(0, s.resolve(o.dict["First"]).num), int64(len(data))))
	index := &lexer{data: data[:first], work: &s.work}
	offsets := make(map[int]int)
	for range s.limits.Objects {
		number, offset := index.next(), index.next()
		if number.kind != tokInt || offset.kind != tokInt {
			break
		}
		if at := offset.num + int64(first); at >= 0 && at < int64(len(data)) && number.num >= 0 && number.num < 1<<31 {
			offsets[int(at)] = int(number.num)
		}
	}
	inner := &lexer{data: data, pos: first, work: &s.work}
	number := o.number
	for inner.pos < len(data) {
		inner.skipSpace()
		if n, ok := offsets[inner.pos]; ok {
			number = n
			delete(offsets, inner.pos)
		}
		before := inner.pos
		v := s.build(inner, number)
		s.keepInner(number, v)
		if inner.pos == before {
			inner.next() // a word that ends values, which is none of ours
		}
		if s.full() {
			return
		}
	}
	for at, n := range offsets {
		s.keepInner(n, s.build(&lexer{data: data, pos: at, work: &s.work}, n))
	}
}

func (s *scanner) keepInner(number int, v value) {
	s.result.Objects++
	if _, known := s.table[number]; known {
		return
	}
	s.keep(object{number: number, value: v, dict: v.dict})
}

// readEmbedded looks at a file within the file.
func (s *scanner) readEmbedded(o *object, data []byte) {
	e := s.file(o.number, data)
	if len(s.result.Embedded) < maxFindings {
		s.result.Embedded = append(s.result.Embedded, e)
	}
}

func (s *scanner) file(object int, data []byte) Embedded {
	digest := sha256.Sum256(data)
	e := Embedded{Object: object, Type: TypeOf(data), Size: len(data), SHA256: hex.EncodeToString(digest[:])}
	switch e.Type {
	case "executable", "script":
		s.find(Executable, object, e.Type)
	case "pdf", "zip":
		if s.depth+1 >= s.limits.Depth {
			s.find(Unscanned, object, "files within files beyond the limit")
			break
		}
		inner := scanner{data: data, limits: s.limits, budget: s.budget, depth: s.depth + 1}
		if e.Type == "zip" {
			inner.runZIP()
		} else {
			inner.run()
		}
		e.Findings, e.Embedded = inner.result.Findings, inner.result.Embedded
	}
	return e
}
