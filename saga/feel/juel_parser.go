package feel

import "slices"

// juelParser reads JUEL by recursive descent and makes FEEL's nodes of it.
type juelParser struct {
	juelLexer
	tok     token
	nesting int
	inEmpty bool // its operand is written four times, so it must not nest
}

func (p *juelParser) advance() { p.tok = p.next() }

// accept reads one of these operators or words.
func (p *juelParser) accept(spellings ...string) bool {
	if p.tok.kind != tokPunct && p.tok.kind != tokWord || !slices.Contains(spellings, p.tok.text) {
		return false
	}
	p.advance()
	return true
}

func (p *juelParser) expect(punct string) {
	if !p.accept(punct) {
		p.unexpected(quote(punct))
	}
}

func (p *juelParser) unexpected(wanted string) {
	found := "the end"
	if p.tok.kind != tokEOF || p.tok.pos < len(p.src) {
		found = quote(p.src[p.tok.pos:min(p.tok.end, p.tok.pos+40)])
	}
	p.fail(p.tok.pos, "found "+found+" where "+wanted+" was expected")
}

func (p *juelParser) nested(rule func() node) node {
	if p.nesting++; p.nesting > maxNesting/2 {
		p.fail(p.tok.pos, "expression is nested too deeply")
	}
	n := rule()
	p.nesting--
	return n
}

func (p *juelParser) ternary() node {
	return p.nested(func() node {
		cond := p.or()
		if !p.accept("?") {
			return cond
		}
		n := &ifNode{cond: cond, then: p.ternary()}
		p.expect(":")
		n.otherwise = p.ternary()
		return n
	})
}

func (p *juelParser) or() node {
	x := p.and()
	for p.accept("||", "or") {
		x = &binaryNode{op: opOr, x: x, y: p.and()}
	}
	return x
}

func (p *juelParser) and() node {
	x := p.equality()
	for p.accept("&&", "and") {
		x = &binaryNode{op: opAnd, x: x, y: p.equality()}
	}
	return x
}

func (p *juelParser) equality() node {
	x := p.comparison()
	for {
		switch {
		case p.accept("==", "eq"):
			x = &binaryNode{op: opEq, x: x, y: p.comparison()}
		case p.accept("!=", "ne"):
			x = &binaryNode{op: opNe, x: x, y: p.comparison()}
		default:
			return x
		}
	}
}

func (p *juelParser) comparison() node {
	x := p.sum()
	for {
		var op operator
		switch {
		case p.accept("<", "lt"):
			op = opLt
		case p.accept("<=", "le"):
			op = opLe
		case p.accept(">", "gt"):
			op = opGt
		case p.accept(">=", "ge"):
			op = opGe
		default:
			return x
		}
		x = &binaryNode{op: op, x: x, y: p.sum()}
	}
}

func (p *juelParser) sum() node {
	x := p.product()
	for {
		switch {
		case p.accept("+"):
			x = &binaryNode{op: opAdd, x: x, y: p.product()}
		case p.accept("-"):
			x = &binaryNode{op: opSub, x: x, y: p.product()}
		default:
			return x
		}
	}
}

func (p *juelParser) product() node {
	x := p.unary()
	for {
		switch {
		case p.accept("*"):
			x = &binaryNode{op: opMul, x: x, y: p.unary()}
		case p.accept("/", "div"):
			x = &binaryNode{op: opDiv, x: x, y: p.unary()}
		default:
			if p.tok.kind == tokWord && p.tok.text == "mod" {
				p.fail(p.tok.pos, `"mod" is not translated: in FEEL it is modulo(a, b), which differs for negative numbers`)
			}
			return x
		}
	}
}

func (p *juelParser) unary() node {
	return p.nested(func() node {
		switch {
		case p.accept("!", "not"):
			return call("not", p.unary())
		case p.accept("-"):
			return &negNode{x: p.unary()}
		case p.accept("empty"):
			return p.empty()
		}
		return p.postfix()
	})
}

// call makes the invocation of a built-in function.
func call(name string, args ...node) node {
	return &callNode{fn: &nameNode{name: name}, builtin: lookupBuiltin(name), args: args}
}

func (p *juelParser) empty() node {
	if p.inEmpty {
		p.fail(p.tok.pos, `"empty" within "empty" is not supported`)
	}
	p.inEmpty = true
	x := p.unary()
	p.inEmpty = false
	return isEmpty(x)
}

// isEmpty is true of null and of the empty string, list and context. It uses
// is(), for = of different types would be null.
func isEmpty(x node) node {
	var result node = &binaryNode{op: opEq, x: x, y: &litNode{v: Null{}}}
	for _, empty := range []node{&litNode{v: String("")}, &listNode{}, &contextNode{}} {
		result = &binaryNode{op: opOr, x: result, y: call("is", x, empty)}
	}
	return result
}

func (p *juelParser) postfix() node {
	start := p.tok.pos
	x := p.primary()
	for {
		switch {
		case p.accept("."):
			x = p.member(x, start)
		case p.accept("["):
			x = p.index(x)
			p.expect("]")
		case p.tok.kind == tokPunct && p.tok.text == "(":
			p.fail(start, "function call "+quote(p.src[start:p.tok.pos]+"(...)")+" is not supported: compute the value in a service and pass it on")
		case p.tok.kind == tokPunct && p.tok.text == ":" && p.isPrefix():
			p.fail(start, "function "+quote(p.src[start:p.tok.end]+"...")+" is not supported: compute the value in a service and pass it on")
		default:
			return x
		}
	}
}

// isPrefix tells ns:function(...) from the colon of a ternary.
func (p *juelParser) isPrefix() bool {
	after := juelLexer{src: p.src, pos: p.tok.end}
	for range 2 {
		if t := after.next(); t.kind == tokPunct && t.text == "(" {
			return p.tok.pos > 0 && p.src[p.tok.pos-1] != ' '
		} else if t.kind != tokWord {
			return false
		}
	}
	return false
}

// member is .name, or one of the methods that FEEL has a counterpart of.
func (p *juelParser) member(x node, start int) node {
	if p.tok.kind != tokWord {
		p.unexpected("a property's name")
	}
	name := p.tok.text
	p.advance()
	if p.tok.kind != tokPunct || p.tok.text != "(" {
		return &pathNode{x: x, name: name}
	}
	of, isName := x.(*nameNode)
	onExecution := isName && of.name == "execution"
	switch {
	case onExecution && name == "getVariable":
		return p.variable()
	case onExecution && name == "hasVariable":
		return call("is defined", p.variable())
	case !onExecution && name == "equals":
		p.advance()
		y := p.ternary()
		p.expect(")")
		return &binaryNode{op: opEq, x: x, y: y}
	}
	p.fail(start, "method call "+quote(p.src[start:p.tok.pos]+"(...)")+" is not supported: beans and their methods have no counterpart; compute the value in a service and pass it on")
	return nil
}

// variable is ("name").
func (p *juelParser) variable() node {
	p.advance()
	if p.tok.kind != tokString || p.tok.text == "" {
		p.unexpected("the variable's name in quotes")
	}
	name := p.name(p.tok.text)
	p.advance()
	p.expect(")")
	return &nameNode{name: name}
}

// name refuses what FEEL cannot write as a name.
func (p *juelParser) name(s string) string {
	for _, r := range s {
		if r == '`' || r < ' ' {
			p.fail(p.tok.pos, "name "+quote(s)+" cannot be written in FEEL")
		}
	}
	return s
}

// index is a literal: JUEL counts from 0 and FEEL from 1, and of a variable one
// cannot know whether it is a position or a key.
func (p *juelParser) index(x node) node {
	t := p.tok
	switch t.kind {
	case tokString:
		p.advance()
		return call("get value", x, &litNode{v: String(t.text)})
	case tokNumber:
		n, err := ParseNumber(t.text)
		if i, ok := n.Int64(); err == nil && ok && i < 1<<31 {
			p.advance()
			return &filterNode{x: x, filter: &litNode{v: Int(i + 1)}}
		}
	case tokEOF, tokWord, tokName, tokTemporal, tokPunct:
	}
	p.fail(t.pos, "an index that is no literal is not supported: whether it is a position or a key is not known")
	return nil
}

func (p *juelParser) primary() node {
	t := p.tok
	switch t.kind {
	case tokNumber:
		n, err := ParseNumber(t.text)
		if err != nil {
			p.fail(t.pos, "number is out of range")
		}
		p.advance()
		return &litNode{v: n}
	case tokString:
		p.advance()
		return &litNode{v: String(t.text)}
	case tokWord:
		return p.word()
	case tokPunct:
		if p.accept("(") {
			x := p.ternary()
			p.expect(")")
			return x
		}
	case tokEOF, tokName, tokTemporal:
	}
	p.unexpected("an expression")
	return nil
}

func (p *juelParser) word() node {
	name := p.tok.text
	switch name {
	case "eq", "ne", "lt", "gt", "le", "ge", "and", "or", "div", "mod":
		p.unexpected("an expression")
	case "instanceof":
		p.fail(p.tok.pos, `"instanceof" is not supported`)
	}
	p.advance()
	switch name {
	case "true", "false":
		return &litNode{v: Bool(name == "true")}
	case "null":
		return &litNode{v: Null{}}
	}
	return &nameNode{name: name}
}
