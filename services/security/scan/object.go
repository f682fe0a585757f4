package scan

import (
	"bytes"
	"strings"
)

type valueKind uint8

const (
	kindNone valueKind = iota
	kindName
	kindInt
	kindRef
	kindArray
	kindDict
	kindOther
)

// A value is as much of an object as the scan needs: small things near the
// top. The rest is looked at for names and dropped.
type value struct {
	kind  valueKind
	name  string
	num   int64 // of an integer; the object number of a reference
	array []value
	dict  map[string]value
}

const (
	keptDepth = 3    // of dictionaries and arrays
	openItems = 4096 // of one that is being read
	keptItems = 32   // of an array
)

// keptKey reports whether the scan needs what stands under the key.
func keptKey(key string) bool {
	switch key {
	case "Type", "Subtype", "Filter", "F", "DecodeParms", "DP", "Length", "N", "First", "W", "Width", "Height":
		return true
	}
	return parameterKey(key)
}

func parameterKey(key string) bool {
	switch key {
	case "Predictor", "Colors", "BitsPerComponent", "Columns", "EarlyChange":
		return true
	}
	return false
}

// An object is an indirect object.
type object struct {
	number int
	value  value
	dict   map[string]value // of value, never nil
	stream bool
	start  int // of the stream's bytes
}

// readAll reads the file from its beginning to its end.
func (s *scanner) readAll() {
	lex := &lexer{data: s.data, work: &s.work}
	var before, last token // the two tokens before the present one
	for {
		tok := lex.next()
		switch {
		case tok.kind == tokEOF:
			return
		case tok.kind == tokWord && strings.HasPrefix(tok.text, "obj") && before.kind == tokInt && last.kind == tokInt:
			lex.pos = tok.pos + len("obj")
			s.readObject(lex, before)
		case tok.kind == tokName:
			s.sawName(tok.text, 0)
		case tok.kind == tokWord && strings.HasPrefix(tok.text, "trailer"):
			lex.pos = tok.pos + len("trailer")
			s.build(lex, 0)
		}
		if s.full() {
			return
		}
		before, last = last, tok
	}
}

// readObject reads an object after "obj". number is the token it began with.
func (s *scanner) readObject(lex *lexer, number token) {
	s.started = append(s.started, number.pos)
	if number.num < 0 || number.num > 1<<31 {
		number.num = 0
	}
	o := object{number: int(number.num)}
	o.value = s.build(lex, o.number)
	o.dict = o.value.dict
	if o.value.kind == kindDict {
		back := *lex
		if tok := lex.next(); tok.kind == tokWord && strings.HasPrefix(tok.text, "stream") {
			o.stream = true
			o.start = streamStart(s.data, tok.pos+len("stream"))
			lex.pos = s.endOfStream(o.start)
			lex.spend((lex.pos - o.start) / 16)
		} else {
			*lex = back
		}
	}
	s.result.Objects++
	s.keep(o)
}

// keep keeps an object that the scan may come back to: a stream, or what a
// stream's dictionary may refer to.
func (s *scanner) keep(o object) {
	useful := o.stream
	switch o.value.kind {
	case kindName, kindInt, kindRef, kindArray:
		useful = true
	case kindDict:
		for key := range o.dict {
			useful = useful || parameterKey(key)
		}
	case kindNone, kindOther:
	}
	if useful {
		s.table[o.number] = len(s.objects)
		s.objects = append(s.objects, o)
	}
}

// full reports whether the limit of objects is reached.
func (s *scanner) full() bool {
	if s.result.Objects < s.limits.Objects {
		return false
	}
	s.find(Bomb, 0, "more objects than the limit")
	return true
}

// streamStart returns where the bytes begin: after the end of the line.
func streamStart(data []byte, pos int) int {
	if pos < len(data) && data[pos] == '\r' {
		pos++
	}
	if pos < len(data) && data[pos] == '\n' {
		pos++
	}
	return min(pos, len(data))
}

// endOfStream returns where reading goes on: at the first "endstream",
// whatever length the stream claims. If there is none, what follows may be
// objects.
func (s *scanner) endOfStream(start int) int {
	if start >= s.endless {
		return start
	}
	if end := bytes.Index(s.data[start:], []byte("endstream")); end >= 0 {
		return start + end + len("endstream")
	}
	s.endless = start
	return start
}

// build reads one value, looks at all its names, and returns what is kept.
func (s *scanner) build(lex *lexer, number int) value {
	b := builder{scanner: s, number: number}
	for {
		back := lex.pos
		tok := lex.next()
		if tok.kind == tokEOF || tok.kind == tokWord && ends(tok.text) {
			lex.pos = back
			return b.finish()
		}
		if b.add(tok) {
			return b.finish()
		}
	}
}

// ends reports whether a word cannot be part of a value.
func ends(word string) bool {
	for _, end := range []string{"endobj", "obj", "stream", "endstream", "xref", "trailer", "startxref"} {
		if strings.HasPrefix(word, end) {
			return true
		}
	}
	return false
}

// A builder puts a value together without recursion.
type builder struct {
	scanner *scanner
	number  int
	frames  []frame // the open ones that are kept
	skipped int     // the open ones below them
	done    value
	closed  bool
	top     [2]value // the two values before done, if nothing is open
}

type frame struct {
	isDict bool
	items  []value // of a dictionary: keys and values in turn
}

// add takes the next token. It returns true when the value is complete.
func (b *builder) add(tok token) bool {
	switch tok.kind {
	case tokName:
		b.scanner.sawName(tok.text, b.number)
		b.put(value{kind: kindName, name: tok.text})
	case tokInt:
		b.put(value{kind: kindInt, num: tok.num})
	case tokDictOpen, tokArrayOpen:
		b.push(tok.kind == tokDictOpen)
	case tokDictClose, tokArrayClose:
		b.pop()
	case tokWord:
		if tok.text == "R" && b.reference() {
			break
		}
		b.put(value{kind: kindOther})
	case tokReal, tokString, tokEOF:
		b.put(value{kind: kindOther})
	}
	return b.closed
}

func (b *builder) push(isDict bool) {
	if b.skipped > 0 || len(b.frames) >= keptDepth {
		b.skipped++
		if b.skipped > b.scanner.limits.Nesting {
			b.scanner.find(Nesting, b.number, "")
		}
		return
	}
	b.frames = append(b.frames, frame{isDict: isDict})
}

func (b *builder) pop() {
	if b.skipped > 0 {
		b.skipped--
		return
	}
	if len(b.frames) == 0 {
		return // a stray bracket
	}
	last := b.frames[len(b.frames)-1]
	b.frames = b.frames[:len(b.frames)-1]
	b.put(last.value())
}

func (b *builder) put(v value) {
	switch {
	case b.skipped > 0:
	case len(b.frames) == 0:
		b.top[0], b.top[1] = b.top[1], b.done
		b.done = v
		// An integer may be the first of "12 0 R".
		b.closed = v.kind != kindInt
	default:
		top := &b.frames[len(b.frames)-1]
		if len(top.items) >= openItems {
			top.compact()
		}
		top.items = append(top.items, v)
	}
}

// reference makes one of the two integers before an R.
func (b *builder) reference() bool {
	if b.skipped > 0 {
		return true
	}
	if len(b.frames) == 0 {
		if b.done.kind != kindInt || b.top[1].kind != kindInt {
			return false
		}
		b.done, b.closed = value{kind: kindRef, num: b.top[1].num}, true
		return true
	}
	top := &b.frames[len(b.frames)-1]
	n := len(top.items)
	if n < 2 || top.items[n-1].kind != kindInt || top.items[n-2].kind != kindInt {
		return false
	}
	top.items[n-2].kind = kindRef
	top.items = top.items[:n-1]
	return true
}

func (b *builder) finish() value {
	for len(b.frames) > 0 { // cut off
		b.skipped = 0
		b.pop()
	}
	return b.done
}

// compact makes room among the items of a large array or dictionary.
func (f *frame) compact() {
	if !f.isDict {
		f.items = append(f.items[:keptItems+1], f.items[len(f.items)-2:]...) // two may be of a reference
		return
	}
	const open = 4 // a key, its value, and two that may be of a reference
	// Only as much as leaves the rest in step.
	done := frame{isDict: true, items: f.items[:len(f.items)-open]}
	dict, used := done.pairs()
	rest := f.items[used:]
	items := make([]value, 0, 2*len(dict)+len(rest))
	for key, v := range dict {
		items = append(items, value{kind: kindName, name: key}, v)
	}
	f.items = append(items, rest...)
}

// pairs returns what is kept of a dictionary, and how many items it is made
// of.
func (f *frame) pairs() (map[string]value, int) {
	dict := make(map[string]value)
	i := 0
	for i+1 < len(f.items) {
		if f.items[i].kind != kindName {
			i++ // out of step
			continue
		}
		if key := f.items[i].name; keptKey(key) {
			dict[key] = f.items[i+1]
		}
		i += 2
	}
	return dict, i
}

func (f *frame) value() value {
	if !f.isDict {
		if len(f.items) > keptItems {
			return value{kind: kindArray}
		}
		return value{kind: kindArray, array: f.items}
	}
	dict, _ := f.pairs()
	return value{kind: kindDict, dict: dict}
}

// resolve follows references, a few.
func (s *scanner) resolve(v value) value {
	for range 8 {
		if v.kind != kindRef {
			return v
		}
		i, ok := s.table[int(v.num)]
		if !ok {
			return value{}
		}
		v = s.objects[i].value
	}
	return value{}
}

// sawName notes a name that means something.
func (s *scanner) sawName(name string, number int) {
	switch kind := Kind(name); kind { //nolint:exhaustive // the others are no names of PDF
	case JavaScript, JS, Launch, SubmitForm, ImportData, GoToE, GoToR, RichMedia, XFA,
		URI, OpenAction, AA, ObjStm, Encrypt, EmbeddedFile:
		s.find(kind, number, "")
	case "EmbeddedFiles":
		s.find(EmbeddedFile, number, "")
	default:
	}
}
