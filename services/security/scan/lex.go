package scan

import "bytes"

type tokenKind uint8

const (
	tokEOF tokenKind = iota
	tokName
	tokInt
	tokReal
	tokString
	tokDictOpen
	tokDictClose
	tokArrayOpen
	tokArrayClose
	tokWord
)

// A token is a piece of syntax. For a name, text is decoded; for a word it is
// as it stands.
type token struct {
	kind tokenKind
	text string
	num  int64
	pos  int // of its first byte
}

// A lexer splits data into tokens. It skips comments.
type lexer struct {
	data []byte
	pos  int
	work *int64 // bytes that all lexers of a file may still read; nil is no bound
}

// spend counts n bytes as read. It returns false when there are no more.
func (l *lexer) spend(n int) bool {
	if l.work == nil {
		return true
	}
	*l.work -= int64(n)
	return *l.work > 0
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == '\f' || c == 0
}

func isDelimiter(c byte) bool {
	switch c {
	case '(', ')', '<', '>', '[', ']', '{', '}', '/', '%':
		return true
	}
	return false
}

func isRegular(c byte) bool { return !isSpace(c) && !isDelimiter(c) }

func (l *lexer) skipSpace() {
	for l.pos < len(l.data) {
		switch c := l.data[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '%':
			end := bytes.IndexAny(l.data[l.pos:], "\r\n")
			if end < 0 {
				l.pos = len(l.data)
				return
			}
			l.pos += end
		default:
			return
		}
	}
}

// next returns the next token. It always moves on.
func (l *lexer) next() token {
	l.skipSpace()
	if l.pos >= len(l.data) {
		return token{kind: tokEOF, pos: l.pos}
	}
	start := l.pos
	if !l.spend(1) {
		l.pos = len(l.data)
		return token{kind: tokEOF, pos: l.pos}
	}
	l.pos++
	switch c := l.data[start]; c {
	case '/':
		return token{kind: tokName, text: l.name(), pos: start}
	case '(':
		l.skipString()
		return token{kind: tokString, pos: start}
	case '<':
		if l.at('<') {
			l.pos++
			return token{kind: tokDictOpen, pos: start}
		}
		l.skipHex()
		return token{kind: tokString, pos: start}
	case '>':
		if l.at('>') {
			l.pos++
			return token{kind: tokDictClose, pos: start}
		}
		return token{kind: tokWord, text: ">", pos: start}
	case '[':
		return token{kind: tokArrayOpen, pos: start}
	case ']':
		return token{kind: tokArrayClose, pos: start}
	case ')', '{', '}':
		return token{kind: tokWord, text: string(c), pos: start}
	}
	return l.word(start)
}

func (l *lexer) at(c byte) bool { return l.pos < len(l.data) && l.data[l.pos] == c }

// name reads a name after its slash, with #xx decoded (7.3.5).
func (l *lexer) name() string {
	start := l.pos
	escaped := false
	for l.pos < len(l.data) && isRegular(l.data[l.pos]) {
		escaped = escaped || l.data[l.pos] == '#'
		l.pos++
	}
	raw := l.data[start:l.pos]
	if len(raw) > 127 {
		raw = raw[:127] // the longest that a reader must know; ours are shorter
	}
	if !escaped {
		return string(raw)
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		if raw[i] == '#' && i+2 < len(raw) {
			high, low := unhex(raw[i+1]), unhex(raw[i+2])
			if high >= 0 && low >= 0 {
				out = append(out, byte(high<<4|low))
				i += 2
				continue
			}
		}
		out = append(out, raw[i])
	}
	return string(out)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// skipString moves behind a literal string, whose opening parenthesis has been
// read. A string that never ends, or that holds whole objects, is taken for a
// stray parenthesis: somebody could hide the rest of the file in it.
func (l *lexer) skipString() {
	start := l.pos
	depth := 1
	for l.pos < len(l.data) {
		switch l.data[l.pos] {
		case '\\':
			l.pos++
		case '(':
			depth++
		case ')':
			depth--
		}
		l.pos++
		if depth == 0 {
			l.spend(l.pos - start)
			if bytes.Contains(l.data[start:l.pos], []byte("endobj")) {
				l.pos = start
			}
			return
		}
	}
	l.spend(len(l.data) - start)
	l.pos = start
}

// skipHex moves behind a hexadecimal string, or not at all if it is none.
func (l *lexer) skipHex() {
	for i := l.pos; i < len(l.data); i++ {
		c := l.data[i]
		if c == '>' {
			l.spend(i - l.pos)
			l.pos = i + 1
			return
		}
		if isDelimiter(c) {
			l.spend(i - l.pos)
			return
		}
	}
	l.spend(len(l.data) - l.pos)
}

// word reads a number or a keyword that starts at start.
func (l *lexer) word(start int) token {
	for l.pos < len(l.data) && isRegular(l.data[l.pos]) {
		l.pos++
	}
	raw := l.data[start:l.pos]
	if n, ok := parseInt(raw); ok {
		return token{kind: tokInt, num: n, pos: start}
	}
	if len(bytes.TrimLeft(raw, "0123456789.+-")) == 0 {
		return token{kind: tokReal, pos: start}
	}
	// "endobj12" or "obj<<": a keyword may be stuck to what follows.
	if len(raw) > 64 {
		raw = raw[:64]
	}
	return token{kind: tokWord, text: string(raw), pos: start}
}

func parseInt(raw []byte) (int64, bool) {
	digits := raw
	if len(digits) > 0 && (digits[0] == '-' || digits[0] == '+') {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if raw[0] == '-' {
		n = -n
	}
	return n, true
}
