package feel

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a literal whose opening quote is at l.pos; start is where the
// token began.
func (l *lexer) string(start int) token {
	l.pos++
	from := l.pos
	for l.pos < len(l.src) && l.src[l.pos] != '"' && l.src[l.pos] != '\\' {
		l.pos++
	}
	if l.at('"') { // the usual one: nothing to unescape
		text := l.src[from:l.pos]
		l.pos++
		return l.stringToken(start, text)
	}
	var b strings.Builder
	b.WriteString(l.src[from:l.pos])
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if c == '"' {
			l.pos++
			return l.stringToken(start, b.String())
		}
		if c == '\\' {
			l.escape(&b)
			continue
		}
		b.WriteByte(c)
		l.pos++
	}
	l.fail(start, "string does not end")
	return token{}
}

func (l *lexer) stringToken(start int, text string) token {
	if !utf8.ValidString(text) {
		l.fail(start, "text is not UTF-8")
	}
	return token{tokString, text, start, l.pos}
}

// escape reads one escape sequence. An unknown one stands for itself, backslash
// included, for that is how patterns like "\d" are written in the specification.
func (l *lexer) escape(b *strings.Builder) {
	l.pos++ // the backslash
	if l.pos >= len(l.src) {
		b.WriteByte('\\')
		return
	}
	c := l.src[l.pos]
	l.pos++
	switch c {
	case '"', '\'', '\\':
		b.WriteByte(c)
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		b.WriteRune(l.codeUnits())
	case 'U':
		r, ok := l.hex(6)
		if !ok || r > utf8.MaxRune {
			l.fail(l.pos, `six hexadecimal digits of a code point must follow "\U"`)
		}
		b.WriteRune(r)
	default:
		b.WriteByte('\\')
		b.WriteByte(c)
	}
}

// codeUnits reads what follows \u, and the second half of a surrogate pair.
func (l *lexer) codeUnits() rune {
	r, ok := l.hex(4)
	if !ok {
		l.fail(l.pos, `four hexadecimal digits must follow "\u"`)
	}
	if !utf16.IsSurrogate(r) || !strings.HasPrefix(l.src[l.pos:], `\u`) {
		return r
	}
	mark := l.pos
	l.pos += 2
	if low, ok := l.hex(4); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair
		}
	}
	l.pos = mark
	return r
}

func (l *lexer) hex(n int) (rune, bool) {
	if l.pos+n > len(l.src) {
		return 0, false
	}
	v, err := strconv.ParseUint(l.src[l.pos:l.pos+n], 16, 32)
	if err != nil {
		return 0, false
	}
	l.pos += n
	return rune(v), true
}
