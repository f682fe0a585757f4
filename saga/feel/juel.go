package feel

import (
	"strings"
	"unicode/utf8"
)

// FromJUEL translates a condition in the expression language of Camunda 7,
// Activiti and Flowable (JUEL, of Jakarta EE) to FEEL:
//
//	${amount > 100 && !approved}  ->  amount > 100 and not(approved)
//
// It knows literals, property paths, literal indexes, the comparison, logical
// and arithmetic operators in both spellings, empty, the ternary operator,
// execution.getVariable("x"), execution.hasVariable("x") and x.equals(y).
// Everything else, beans and their methods first of all, is refused with
// a [*SyntaxError] that names it.
//
// What JUEL does by coercion FEEL does not: "5" == 5 is true in JUEL and null in
// FEEL, and !x of a null x is true in JUEL and null in FEEL.
func FromJUEL(src string) (feel string, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(syntaxPanic)
			if !ok {
				panic(r) // a fault of ours
			}
			line, column := position(src, s.pos)
			feel, err = "", &SyntaxError{line, column, s.msg}
		}
	}()
	body, start := juelBody(src)
	p := &juelParser{juelLexer: juelLexer{src: src[:start+len(body)], pos: start}}
	p.advance()
	root := p.ternary()
	if p.tok.kind != tokEOF {
		p.unexpected("an operator or the end")
	}
	return (&Expr{root: root}).String(), nil
}

// juelBody returns what stands in ${ } or #{ }, and where it begins.
func juelBody(src string) (string, int) {
	if len(src) > maxSource {
		panic(syntaxPanic{0, "expression is longer than 64 KiB"})
	}
	trimmed := strings.TrimSpace(src)
	offset := strings.Index(src, trimmed)
	if trimmed == "true" || trimmed == "false" {
		return trimmed, offset
	}
	if !strings.HasPrefix(trimmed, "${") && !strings.HasPrefix(trimmed, "#{") {
		panic(syntaxPanic{offset, "a JUEL expression begins with ${ or #{"})
	}
	if !strings.HasSuffix(trimmed, "}") {
		panic(syntaxPanic{offset + len(trimmed), "a JUEL expression ends with }, and text around it is not supported"})
	}
	return trimmed[2 : len(trimmed)-1], offset + 2
}

// juelLexer cuts JUEL into tokens of the kinds that FEEL's have.
type juelLexer struct {
	src string
	pos int
}

func (l *juelLexer) fail(pos int, msg string) { panic(syntaxPanic{pos, msg}) }

func (l *juelLexer) next() token {
	for l.pos < len(l.src) && strings.IndexByte(" \t\r\n", l.src[l.pos]) >= 0 {
		l.pos++
	}
	start := l.pos
	if start == len(l.src) {
		return token{kind: tokEOF, pos: start, end: start}
	}
	r, size := utf8.DecodeRuneInString(l.src[start:])
	switch {
	case r == utf8.RuneError && size == 1:
		l.fail(start, "text is not UTF-8")
	case r == '"' || r == '\'':
		return l.string(byte(r))
	case isDigit(l.src[start]):
		return l.number()
	case isJUELName(r):
		for l.pos < len(l.src) {
			r, size := utf8.DecodeRuneInString(l.src[l.pos:])
			if !isJUELName(r) && !isNamePart(r) || r == '?' {
				break
			}
			l.pos += size
		}
		return token{tokWord, l.src[start:l.pos], start, l.pos}
	}
	return l.punct(r)
}

func isJUELName(r rune) bool { return r == '$' || r != '?' && isNameStart(r) }

func (l *juelLexer) number() token {
	inner := lexer{src: l.src, pos: l.pos}
	t := inner.number()
	l.pos = inner.pos
	return t
}

func (l *juelLexer) string(quote byte) token {
	start := l.pos
	var b strings.Builder
	for l.pos++; l.pos < len(l.src); l.pos++ {
		c := l.src[l.pos]
		switch {
		case c == quote:
			l.pos++
			if !utf8.ValidString(b.String()) {
				l.fail(start, "text is not UTF-8")
			}
			return token{tokString, b.String(), start, l.pos}
		case c == '\\' && l.pos+1 < len(l.src) && strings.IndexByte(`\"'`, l.src[l.pos+1]) >= 0:
			l.pos++
			b.WriteByte(l.src[l.pos])
		default:
			b.WriteByte(c)
		}
	}
	l.fail(start, "string does not end")
	return token{}
}

func (l *juelLexer) punct(r rune) token {
	start := l.pos
	if start+2 <= len(l.src) {
		switch two := l.src[start : start+2]; two {
		case "==", "!=", "<=", ">=", "&&", "||":
			l.pos += 2
			return token{tokPunct, two, start, l.pos}
		}
	}
	switch r {
	case '<', '>', '!', '+', '-', '*', '/', '?', ':', '(', ')', '[', ']', '.', ',':
		l.pos++
		return token{tokPunct, l.src[start:l.pos], start, l.pos}
	case '%':
		l.fail(start, `"%" is not translated: in FEEL it is modulo(a, b), which differs for negative numbers`)
	case '=':
		l.fail(start, `assignment is not supported: equality is "=="`)
	case '{', '}':
		l.fail(start, "only one expression in ${ } is supported, with no text around it")
	}
	l.fail(start, "unexpected character "+quote(string(r)))
	return token{}
}
