package feel

import (
	"slices"
	"strings"
)

const (
	maxSource  = 1 << 16 // bytes of an expression's text
	maxNesting = 150     // parts within parts
)

// Expr is an expression that was parsed. It never changes and may be used by
// many goroutines at once.
type Expr struct {
	src   string
	root  node
	unary bool // unary tests, not an expression
}

// Parse reads an expression, as DMN 1.5 section 10.3.1.2 has it. Its error is a
// [*SyntaxError]. Text of more than 64 KiB or nested deeper than 150 is refused.
// The leading "=" by which Zeebe marks an expression is not part of one.
func Parse(src string) (*Expr, error) {
	return ParseNames(src, nil)
}

// ParseNames is [Parse] where these names are known, so that one may contain
// keywords and operators without backticks: "date of birth", "cost/unit".
func ParseNames(src string, known []string) (*Expr, error) {
	return parseWith(src, known, func(p *parser) node { return p.expression() }, false)
}

// ParseUnaryTests reads the tests of a decision table's cell, DMN 1.5 grammar
// rule 13: "-", "< 5", "[1..5], 7", "not(1, 2)". They are evaluated with the
// tested value under the name "?".
func ParseUnaryTests(src string) (*Expr, error) {
	return parseWith(src, nil, func(p *parser) node { return p.unaryTests() }, true)
}

func parseWith(src string, known []string, rule func(*parser) node, unary bool) (x *Expr, err error) {
	if len(src) > maxSource {
		return nil, &SyntaxError{1, 1, "expression is longer than 64 KiB"}
	}
	defer func() {
		if r := recover(); r != nil {
			s, ok := r.(syntaxPanic)
			if !ok {
				panic(r) // a fault of ours
			}
			line, column := position(src, s.pos)
			x, err = nil, &SyntaxError{line, column, s.msg}
		}
	}()
	p := &parser{lexer: lexer{src: src}}
	for _, name := range known {
		p.learn(name)
	}
	p.advance()
	root := rule(p)
	if p.tok.kind != tokEOF {
		p.unexpected("an operator or the end")
	}
	return &Expr{src: src, root: root, unary: unary}, nil
}

// parser is a recursive descent over the tokens. tok is the one to look at.
type parser struct {
	lexer
	tok      token
	nesting  int
	noFilter bool // in an endpoint, where "[" may close the range
	given    node // was read already and is the next primary
}

func (p *parser) advance() { p.tok = p.next() }

// learn makes name one token, if it would not be one name without that.
func (p *parser) learn(name string) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || strings.ContainsAny(name, "`\"") || isPlainName(name) || slices.Contains(p.known, name) {
		return
	}
	p.known = append(p.known, name)
	slices.SortStableFunc(p.known, func(a, b string) int { return len(b) - len(a) })
}

func (p *parser) is(punct string) bool { return p.tok.kind == tokPunct && p.tok.text == punct }

func (p *parser) isWord(word string) bool { return p.tok.kind == tokWord && p.tok.text == word }

func (p *parser) accept(punct string) bool {
	if !p.is(punct) {
		return false
	}
	p.advance()
	return true
}

func (p *parser) expect(punct string) {
	if !p.accept(punct) {
		p.unexpected(quote(punct))
	}
}

func (p *parser) expectWord(word string) {
	if !p.isWord(word) {
		p.unexpected(quote(word))
	}
	p.advance()
}

func (p *parser) unexpected(wanted string) {
	found := "the end"
	if p.tok.kind != tokEOF {
		found = quote(p.src[p.tok.pos:min(p.tok.end, p.tok.pos+40)])
	}
	p.fail(p.tok.pos, "found "+found+" where "+wanted+" was expected")
}

// lookahead tells what is true of the tokens to come, and reads none of them.
func (p *parser) lookahead(probe func() bool) bool {
	pos, tok := p.pos, p.tok
	ok := probe()
	p.pos, p.tok = pos, tok
	return ok
}

// nested guards against text that would exhaust the stack.
func (p *parser) nested(rule func() node) node {
	p.nesting++
	if p.nesting > maxNesting {
		p.fail(p.tok.pos, "expression is nested too deeply")
	}
	outer := p.noFilter
	p.noFilter = false
	n := rule()
	p.noFilter = outer
	p.nesting--
	return n
}

func (p *parser) expression() node { return p.nested(p.disjunction) }

// unaryTests is grammar rule 15: "-", not(tests), or tests.
func (p *parser) unaryTests() node {
	if p.is("-") && p.lookahead(func() bool { p.advance(); return p.tok.kind == tokEOF }) {
		p.advance()
		return &testsNode{}
	}
	if p.isWord("not") && p.negatesAll() {
		p.advance()
		p.expect("(")
		t := &testsNode{not: true, tests: p.tests()}
		p.expect(")")
		return t
	}
	return &testsNode{tests: p.tests()}
}

// negatesAll says whether the bracket after not closes at the end of the text.
func (p *parser) negatesAll() bool {
	return p.lookahead(func() bool {
		p.advance()
		depth := 0
		for ; p.tok.kind != tokEOF; p.advance() {
			switch {
			case p.is("("):
				depth++
			case p.is(")"):
				if depth--; depth == 0 {
					p.advance()
					return p.tok.kind == tokEOF
				}
			}
		}
		return false
	})
}

func (p *parser) tests() []node {
	list := []node{p.test(p.expression)}
	for p.accept(",") {
		list = append(list, p.test(p.expression))
	}
	return list
}

// test is one unary test: a comparison without its left side, or what rule reads.
func (p *parser) test(rule func() node) node {
	if op, ok := p.comparison(); ok {
		pos := p.tok.pos
		p.advance()
		return &compareTest{pos, op, p.nested(p.sum)}
	}
	return rule()
}

func (p *parser) comparison() (operator, bool) {
	if p.tok.kind != tokPunct {
		return 0, false
	}
	switch p.tok.text {
	case "=":
		return opEq, true
	case "!=":
		return opNe, true
	case "<":
		return opLt, true
	case "<=":
		return opLe, true
	case ">":
		return opGt, true
	case ">=":
		return opGe, true
	}
	return 0, false
}

func (p *parser) disjunction() node {
	x := p.conjunction()
	for p.isWord("or") {
		pos := p.tok.pos
		p.advance()
		x = &binaryNode{pos, opOr, x, p.conjunction()}
	}
	return x
}

func (p *parser) conjunction() node {
	x := p.relation()
	for p.isWord("and") {
		pos := p.tok.pos
		p.advance()
		x = &binaryNode{pos, opAnd, x, p.relation()}
	}
	return x
}

// relation is a comparison, between, or in.
func (p *parser) relation() node {
	x := p.sum()
	for {
		pos := p.tok.pos
		if op, ok := p.comparison(); ok {
			p.advance()
			x = &binaryNode{pos, op, x, p.sum()}
			continue
		}
		switch {
		case p.isWord("between"):
			p.advance()
			low := p.sum()
			p.expectWord("and")
			x = &betweenNode{pos, x, low, p.sum()}
		case p.isWord("in"):
			p.advance()
			x = &inNode{pos, x, p.inTests()}
		default:
			return x
		}
	}
}

// inTests is what stands after in: one test, or several in brackets.
func (p *parser) inTests() *testsNode {
	if !p.is("(") {
		return &testsNode{tests: []node{p.test(p.sum)}}
	}
	t := &testsNode{}
	pos := p.tok.pos
	p.nested(func() node {
		p.advance()
		t.tests = p.tests()
		if _, compares := t.tests[0].(*compareTest); len(t.tests) == 1 && !compares && p.is("..") {
			p.given = p.rangeFrom(pos, t.tests[0], true)
			return nil
		}
		p.expect(")")
		return nil
	})
	if p.given == nil && len(t.tests) == 1 && p.continuesSum() {
		p.given = t.tests[0]
	}
	if p.given != nil {
		t.tests = []node{p.sum()}
	}
	return t
}

// continuesSum says whether the bracket just closed was only the first part of
// the one test, as in x in (a).b.
func (p *parser) continuesSum() bool {
	if p.tok.kind != tokPunct {
		return false
	}
	switch p.tok.text {
	case "+", "-", "*", "/", "**", ".", "[", "(":
		return true
	}
	return false
}

func (p *parser) sum() node {
	x := p.product()
	for p.is("+") || p.is("-") {
		op, pos := pick(p.is("+"), opAdd, opSub), p.tok.pos
		p.advance()
		x = &binaryNode{pos, op, x, p.product()}
	}
	return x
}

func (p *parser) product() node {
	x := p.power()
	for p.is("*") || p.is("/") {
		op, pos := pick(p.is("*"), opMul, opDiv), p.tok.pos
		p.advance()
		x = &binaryNode{pos, op, x, p.power()}
	}
	return x
}

func (p *parser) power() node {
	x := p.negation()
	for p.is("**") {
		pos := p.tok.pos
		p.advance()
		x = &binaryNode{pos, opPow, x, p.negation()}
	}
	return x
}

func (p *parser) negation() node {
	if p.given != nil || !p.is("-") {
		return p.instanceOf()
	}
	pos := p.tok.pos
	return p.nested(func() node {
		p.advance()
		x := p.negation()
		if lit, ok := x.(*litNode); ok {
			if n, ok := lit.v.(Number); ok {
				return &litNode{v: neg(n)}
			}
		}
		return &negNode{pos, x}
	})
}

func (p *parser) instanceOf() node {
	x := p.postfix()
	for p.isInstanceOf() {
		pos := p.tok.pos
		p.advance()
		p.advance()
		x = &instanceNode{pos, x, p.typeRef()}
	}
	return x
}

func (p *parser) isInstanceOf() bool {
	return p.isWord("instance") && p.lookahead(func() bool { p.advance(); return p.isWord("of") })
}
