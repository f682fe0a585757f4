package feel

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokEOF      tokenKind = iota
	tokWord               // one word of a name, or a keyword
	tokName               // a whole name: in backticks, or known beforehand
	tokNumber             // text is what was written
	tokString             // text is the value, without escapes
	tokTemporal           // @"...": text is what stands in the quotes
	tokPunct              // text is the operator or bracket
)

type token struct {
	kind     tokenKind
	text     string
	pos, end int // byte offsets
}

// lexer cuts text into tokens, one at a time, because the names that an
// expression introduces change how the text after them is cut.
type lexer struct {
	src   string
	pos   int
	known []string // names that contain keywords or operators, longest first
}

// syntaxPanic carries a syntax error out of the recursive parser to Parse, which
// recovers it. It never leaves the package.
type syntaxPanic struct {
	pos int
	msg string
}

func (l *lexer) fail(pos int, msg string) { panic(syntaxPanic{pos, msg}) }

func (l *lexer) next() token {
	l.skipSpace()
	if l.pos >= len(l.src) {
		return token{kind: tokEOF, pos: len(l.src), end: len(l.src)}
	}
	start := l.pos
	if name, end := l.knownName(start); end > 0 {
		l.pos = end
		return token{tokName, name, start, end}
	}
	r, size := utf8.DecodeRuneInString(l.src[l.pos:])
	switch {
	case r == utf8.RuneError && size == 1:
		l.fail(start, "text is not UTF-8")
	case isNameStart(r):
		l.pos = wordEnd(l.src, start)
		return token{tokWord, l.src[start:l.pos], start, l.pos}
	case isDigit(l.src[start]) || r == '.' && start+1 < len(l.src) && isDigit(l.src[start+1]):
		return l.number()
	case r == '"':
		return l.string(start)
	case r == '@':
		return l.temporal()
	case r == '`':
		return l.backticks()
	}
	return l.punct(r)
}

func (l *lexer) skipSpace() {
	for l.pos < len(l.src) {
		rest := l.src[l.pos:]
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' || r == '\u180e':
			l.pos += size
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				l.fail(l.pos, "comment does not end")
			}
			l.pos += 2 + end + 2
		default:
			return
		}
	}
}

func isNameStart(r rune) bool {
	return r == '?' || r == '_' || unicode.IsLetter(r) || r > 0xffff && !unicode.IsSpace(r) && unicode.IsGraphic(r)
}

func isNamePart(r rune) bool {
	return isNameStart(r) || unicode.IsDigit(r) || unicode.IsMark(r) || r == '\u00b7' || r == '\u203f' || r == '\u2040'
}

// wordEnd returns where the word that starts at i ends.
func wordEnd(s string, i int) int {
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if !isNamePart(r) {
			break
		}
		i += size
	}
	return i
}

// isPlainWord says whether s is one word that is no keyword.
func isPlainWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && utf8.ValidString(s) && isNameStart(r) && r != '?' && wordEnd(s, 0) == len(s) && !isKeyword(s)
}

// isKeyword says whether a word cannot be part of a name.
func isKeyword(s string) bool {
	switch s {
	case "and", "between", "else", "every", "false", "for", "function", "if", "in",
		"null", "or", "return", "satisfies", "some", "then", "true", "not":
		return true
	}
	return false
}

// knownName looks for the longest known name at i, in which any white space
// stands for any other, and returns where it ends.
func (l *lexer) knownName(i int) (string, int) {
	for _, name := range l.known {
		end := matchName(l.src, i, name)
		if end < 0 {
			continue
		}
		last, _ := utf8.DecodeLastRuneInString(name)
		next, _ := utf8.DecodeRuneInString(l.src[end:])
		if end < len(l.src) && isNamePart(last) && isNamePart(next) {
			continue // only the beginning of a longer word
		}
		return name, end
	}
	return "", 0
}

func matchName(src string, i int, name string) int {
	for j := range len(name) {
		if name[j] != ' ' {
			if i >= len(src) || src[i] != name[j] {
				return -1
			}
			i++
			continue
		}
		start := i
		for i < len(src) && (src[i] == ' ' || src[i] == '\t' || src[i] == '\n' || src[i] == '\r') {
			i++
		}
		if i == start {
			return -1
		}
	}
	return i
}

// number reads digits, a point if a digit follows, and an exponent if one
// follows; so 1..5 is a range and not two decimals.
func (l *lexer) number() token {
	start := l.pos
	l.digits()
	if l.at('.') && l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1]) {
		l.pos++
		l.digits()
	}
	if l.at('e') || l.at('E') {
		mark := l.pos
		l.pos++
		if l.at('+') || l.at('-') {
			l.pos++
		}
		if l.pos < len(l.src) && isDigit(l.src[l.pos]) {
			l.digits()
		} else {
			l.pos = mark
		}
	}
	return token{tokNumber, l.src[start:l.pos], start, l.pos}
}

func (l *lexer) digits() {
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
}

func (l *lexer) at(c byte) bool { return l.pos < len(l.src) && l.src[l.pos] == c }

func (l *lexer) temporal() token {
	start := l.pos
	l.pos++
	l.skipSpace()
	if !l.at('"') {
		l.fail(start, `a date, time or duration in quotes must follow "@"`)
	}
	t := l.string(start)
	t.kind = tokTemporal
	return t
}

func (l *lexer) backticks() token {
	start := l.pos
	end := strings.IndexByte(l.src[start+1:], '`')
	if end < 0 {
		l.fail(start, "name in backticks does not end")
	}
	if end == 0 {
		l.fail(start, "name in backticks is empty")
	}
	l.pos = start + 1 + end + 1
	return token{tokName, l.src[start+1 : l.pos-1], start, l.pos}
}

func (l *lexer) punct(r rune) token {
	start := l.pos
	if start+2 <= len(l.src) {
		switch two := l.src[start : start+2]; two {
		case "..", "**", "!=", "<=", ">=", "->":
			l.pos += 2
			return token{tokPunct, two, start, l.pos}
		case "==":
			l.fail(start, `"==" is not FEEL: equality is "="`)
		case "&&":
			l.fail(start, `"&&" is not FEEL: write "and"`)
		case "||":
			l.fail(start, `"||" is not FEEL: write "or"`)
		}
	}
	switch r {
	case '+', '-', '*', '/', '=', '<', '>', '(', ')', '[', ']', '{', '}', ',', ':', '.':
		l.pos++
		return token{tokPunct, l.src[start:l.pos], start, l.pos}
	case '!':
		l.fail(start, `"!" is not FEEL: write not(...)`)
	case '\'':
		l.fail(start, `strings are written in double quotes`)
	case '%':
		l.fail(start, `"%" is not FEEL: write modulo(a, b)`)
	}
	l.fail(start, "unexpected character "+quote(string(r)))
	return token{}
}
