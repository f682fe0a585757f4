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
// Text around an expression makes a string of it: "Mr ${name}" is
// "Mr " + string(get or else(name, "")). Everything else, beans and their methods first of all, is refused with
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
	return (&Expr{root: juelRoot(src)}).String(), nil
}

// juelRoot reads one expression, or text with expressions in it.
func juelRoot(src string) node {
	if len(src) > maxSource {
		panic(syntaxPanic{0, "expression is longer than 64 KiB"})
	}
	text := strings.TrimRight(src, " \t\r\n")
	at := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	if bare := text[at:]; bare == "true" || bare == "false" {
		return &litNode{v: Bool(bare == "true")}
	}
	var parts []node
	for at < len(text) {
		start := indexOfJUEL(text[at:])
		if start != 0 {
			literal := text[at:]
			if start > 0 {
				literal = text[at : at+start]
			}
			parts = append(parts, &litNode{v: String(literal)})
			at += len(literal)
			continue
		}
		var part node
		part, at = juelPart(text, at+2)
		parts = append(parts, part)
	}
	if len(parts) == 0 || len(parts) == 1 && text[len(text)-1] != '}' {
		panic(syntaxPanic{len(src) - len(strings.TrimLeft(src, " \t\r\n")), "a JUEL expression begins with ${ or #{"})
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return strung(parts)
}

func indexOfJUEL(s string) int {
	dollar, hash := strings.Index(s, "${"), strings.Index(s, "#{")
	if dollar < 0 || hash >= 0 && hash < dollar {
		return hash
	}
	return dollar
}

// juelPart reads the expression at a place and returns where its bracket has
// closed.
func juelPart(src string, at int) (part node, end int) {
	p := &juelParser{juelLexer: juelLexer{src: src, pos: at}}
	p.advance()
	part = p.ternary()
	if p.tok.kind != tokEOF || p.tok.pos == len(src) {
		p.unexpected(`an operator or "}"`)
	}
	return part, p.tok.pos + 1
}

// strung joins text and expressions; null is the empty text, as in JUEL.
func strung(parts []node) node {
	var result node
	for _, part := range parts {
		if lit, ok := part.(*litNode); !ok || lit.v.Kind() != KindString {
			part = call("string", call("get or else", part, &litNode{v: String("")}))
		}
		if result != nil {
			part = &binaryNode{op: opAdd, x: result, y: part}
		}
		result = part
	}
	return result
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
	case '}': // the end of the expression
		return token{kind: tokEOF, pos: start, end: start + 1}
	}
	l.fail(start, "unexpected character "+quote(string(r)))
	return token{}
}
