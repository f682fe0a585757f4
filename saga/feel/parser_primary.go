package feel

import "strings"

// postfix is a primary with what may follow it: .name, [filter], (arguments).
func (p *parser) postfix() node {
	x := p.primary()
	for {
		pos := p.tok.pos
		switch {
		case p.is("."):
			p.advance()
			x = &pathNode{pos, x, p.propertyName()}
		case p.is("[") && (!p.noFilter || !p.lookahead(p.closesRange)):
			p.advance()
			filter := p.expression()
			p.expect("]")
			x = &filterNode{pos, x, filter}
		case p.is("(") && callable(x):
			x = p.call(x, pos)
		default:
			return x
		}
	}
}

// closesRange says whether the "[" at hand is the end of a range such as [1..5[,
// because no filter follows it.
func (p *parser) closesRange() bool {
	p.advance()
	switch p.tok.kind {
	case tokEOF:
		return true
	case tokPunct:
		return !p.is("(") && !p.is("[") && !p.is("{") && !p.is("-")
	case tokWord:
		switch p.tok.text {
		case "and", "or", "between", "in", "then", "else", "return", "satisfies", "instance":
			return true
		}
	case tokName, tokNumber, tokString, tokTemporal:
	}
	return false
}

func callable(x node) bool {
	_, literal := x.(*litNode)
	return !literal
}

func (p *parser) primary() node {
	if x := p.given; x != nil {
		p.given = nil
		return x
	}
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
	case tokTemporal:
		v, err := parseTemporal(t.text)
		if err != nil {
			p.fail(t.pos, err.Error())
		}
		p.advance()
		return &litNode{v: v, temporal: true}
	case tokName:
		p.advance()
		return &nameNode{t.pos, t.text}
	case tokWord:
		return p.word()
	case tokPunct:
		return p.bracketed()
	case tokEOF:
	}
	p.unexpected("an expression")
	return nil
}

// bracketed is what begins with a bracket of some sort.
func (p *parser) bracketed() node {
	t := p.tok
	switch t.text {
	case "(":
		return p.parenthesis()
	case "[":
		return p.listOrRange()
	case "]":
		p.advance()
		return p.rangeFrom(t.pos, p.endpoint(), true)
	case "{":
		return p.context()
	}
	p.unexpected("an expression")
	return nil
}

// parenthesis is (x), the range (x..y) or the unbounded range (< x).
func (p *parser) parenthesis() node {
	pos := p.tok.pos
	return p.nested(func() node {
		p.advance()
		if op, ok := p.comparison(); ok {
			p.advance()
			r := unboundedRange(pos, op, p.sum())
			if r == nil {
				p.fail(pos, "(!= x) is no range")
			}
			p.expect(")")
			return r
		}
		x := p.expression()
		if p.is("..") {
			return p.rangeFrom(pos, x, true)
		}
		p.expect(")")
		return x
	})
}

func unboundedRange(pos int, op operator, x node) node {
	switch op { //nolint:exhaustive // only comparisons come here
	case opEq:
		return &rangeNode{pos: pos, low: x, high: x}
	case opLt, opLe:
		return &rangeNode{pos: pos, high: x, lowOpen: true, highOpen: op == opLt}
	case opGt, opGe:
		return &rangeNode{pos: pos, low: x, lowOpen: op == opGt, highOpen: true}
	}
	return nil
}

func (p *parser) endpoint() node {
	return p.nested(func() node {
		p.noFilter = true
		return p.sum()
	})
}

func (p *parser) rangeFrom(pos int, low node, lowOpen bool) node {
	if !p.is("..") {
		p.unexpected(`".."`)
	}
	p.advance()
	r := &rangeNode{pos: pos, low: low, high: p.endpoint(), lowOpen: lowOpen}
	switch {
	case p.is("]"):
	case p.is(")"), p.is("["):
		r.highOpen = true
	default:
		p.unexpected("the end of the range")
	}
	p.advance()
	return r
}

func (p *parser) listOrRange() node {
	pos := p.tok.pos
	return p.nested(func() node {
		p.advance()
		list := &listNode{}
		if p.accept("]") {
			return list
		}
		for {
			list.items = append(list.items, p.expression())
			if len(list.items) == 1 && p.is("..") {
				return p.rangeFrom(pos, list.items[0], false)
			}
			if p.accept("]") {
				return list
			}
			p.expect(",")
		}
	})
}

func (p *parser) context() node {
	return p.nested(func() node {
		p.advance()
		c := &contextNode{}
		if p.accept("}") {
			return c
		}
		seen := map[string]bool{}
		for {
			pos := p.tok.pos
			key := p.key()
			if seen[key] {
				p.fail(pos, "key "+quote(key)+" stands twice in the context")
			}
			seen[key] = true
			c.entries = append(c.entries, contextEntry{key, p.expression()})
			if p.accept("}") {
				return c
			}
			p.expect(",")
		}
	})
}

// key reads a context's key and the colon. One without quotes may contain what
// is otherwise an operator or keyword; what follows can then use it as a name.
func (p *parser) key() string {
	if p.tok.kind == tokString || p.tok.kind == tokName {
		key := p.tok.text
		p.advance()
		p.expect(":")
		return key
	}
	start, end := p.tok.pos, p.tok.pos
	if p.tok.kind != tokWord {
		p.unexpected("a key")
	}
	for !p.is(":") {
		switch {
		case p.tok.kind == tokWord, p.tok.kind == tokNumber, p.tok.kind == tokName,
			p.is("+"), p.is("-"), p.is("*"), p.is("/"), p.is("."), p.is("**"):
		default:
			p.unexpected(`":"`)
		}
		end = p.tok.end
		p.advance()
	}
	key := strings.Join(strings.Fields(p.src[start:end]), " ")
	p.learn(key)
	p.advance()
	return key
}

// call reads the arguments of an invocation of x.
func (p *parser) call(x node, pos int) node {
	c := &callNode{pos: pos, fn: x}
	if name, ok := x.(*nameNode); ok {
		c.pos = name.pos
		if why := refused(name.name); why != "" {
			p.fail(name.pos, why)
		}
		c.builtin = lookupBuiltin(name.name)
	}
	return p.nested(func() node {
		p.advance()
		if p.accept(")") {
			return c
		}
		named := p.lookahead(p.isNamedArgument)
		for {
			if named {
				c.names = append(c.names, p.parameterName())
				p.expect(":")
			}
			c.args = append(c.args, p.expression())
			if p.accept(")") {
				return c
			}
			p.expect(",")
		}
	})
}

// refused says why a built-in of Zeebe's is not here, or nothing.
func refused(name string) string {
	switch name {
	case "uuid", "random number":
		return name + "() is refused: an expression is evaluated again at a replay and must give the same value"
	case "fromAi":
		return name + "() is refused: it is for agents, and has no value here"
	}
	return ""
}

func (p *parser) isNamedArgument() bool {
	if p.tok.kind != tokWord && p.tok.kind != tokName && p.tok.kind != tokString {
		return false
	}
	for p.tok.kind == tokWord || p.tok.kind == tokName || p.tok.kind == tokString {
		p.advance()
	}
	return p.is(":")
}

func (p *parser) parameterName() string {
	var words []string
	for p.tok.kind == tokWord || p.tok.kind == tokName || p.tok.kind == tokString {
		words = append(words, p.tok.text)
		p.advance()
	}
	if len(words) == 0 {
		p.unexpected("a parameter's name")
	}
	return strings.Join(words, " ")
}
