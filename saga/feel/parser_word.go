package feel

import "strings"

// word is what begins with a word: a keyword's expression or a name.
func (p *parser) word() node {
	pos := p.tok.pos
	switch p.tok.text {
	case "true", "false":
		v := Bool(p.tok.text == "true")
		p.advance()
		return &litNode{v: v}
	case "null":
		p.advance()
		return &litNode{v: Null{}}
	case "if":
		return p.nested(p.conditional)
	case "for":
		return p.nested(p.forLoop)
	case "some", "every":
		if p.lookahead(p.isQuantified) {
			return p.nested(p.quantified)
		}
	case "function":
		return p.nested(p.function)
	case "not":
		p.advance()
		if !p.is("(") {
			p.fail(pos, "not is a function: write not(...)")
		}
		return &nameNode{pos, "not"}
	}
	if isKeyword(p.tok.text) && p.tok.text != "some" && p.tok.text != "every" {
		p.unexpected("an expression")
	}
	return &nameNode{pos, p.name()}
}

// name joins the words of a name. Built-ins whose names contain keywords are
// known where they are called.
func (p *parser) name() string {
	for _, special := range builtinsWithKeywords() {
		if end := matchName(p.src, p.tok.pos, special); end >= 0 && isCalledAt(p.src, end) {
			p.pos = end
			p.advance()
			return special
		}
	}
	first := p.tok.text
	p.advance()
	if !p.continuesName() {
		return first
	}
	words := []string{first}
	for p.continuesName() {
		words = append(words, p.tok.text)
		p.advance()
	}
	return strings.Join(words, " ")
}

func isCalledAt(src string, i int) bool {
	rest := strings.TrimLeft(src[i:], " \t\r\n")
	return rest != "" && rest[0] == '('
}

func (p *parser) continuesName() bool {
	return p.tok.kind == tokWord && p.tok.text != "?" && !isKeyword(p.tok.text) && !p.isInstanceOf()
}

// propertyName is what follows a dot. Its first word may be a keyword.
func (p *parser) propertyName() string {
	switch p.tok.kind {
	case tokName:
		name := p.tok.text
		p.advance()
		return name
	case tokWord:
		if p.tok.text != "?" {
			return p.name()
		}
	case tokNumber, tokString, tokTemporal, tokPunct, tokEOF:
	}
	p.unexpected("a property's name")
	return ""
}

// isQuantified tells some x in ... from a variable called some.
func (p *parser) isQuantified() bool {
	p.advance()
	for n := 0; p.tok.kind == tokWord && !isKeyword(p.tok.text) || p.tok.kind == tokName; n++ {
		p.advance()
	}
	return p.isWord("in")
}

func (p *parser) conditional() node {
	p.advance()
	n := &ifNode{cond: p.expression()}
	p.expectWord("then")
	n.then = p.expression()
	p.expectWord("else")
	n.otherwise = p.expression()
	return n
}

func (p *parser) forLoop() node {
	n := &forNode{pos: p.tok.pos}
	p.advance()
	n.iterators = p.iterators()
	p.expectWord("return")
	n.body = p.expression()
	return n
}

func (p *parser) quantified() node {
	n := &quantifiedNode{pos: p.tok.pos, every: p.isWord("every")}
	p.advance()
	n.iterators = p.iterators()
	p.expectWord("satisfies")
	n.satisfies = p.expression()
	return n
}

func (p *parser) iterators() []iteratorClause {
	var list []iteratorClause
	for {
		it := iteratorClause{name: p.variableName()}
		p.expectWord("in")
		it.in = p.expression()
		if p.accept("..") {
			it.to = p.expression()
		}
		list = append(list, it)
		if !p.accept(",") {
			return list
		}
	}
}

// variableName is a name that the expression introduces.
func (p *parser) variableName() string {
	switch {
	case p.tok.kind == tokName:
		name := p.tok.text
		p.advance()
		return name
	case p.tok.kind == tokWord && p.tok.text != "?" && !isKeyword(p.tok.text):
		return p.name()
	}
	p.unexpected("a name")
	return ""
}

func (p *parser) function() node {
	p.advance()
	p.expect("(")
	f := &functionNode{}
	for !p.accept(")") {
		if len(f.params) > 0 {
			p.expect(",")
		}
		pos := p.tok.pos
		param := parameter{name: p.variableName()}
		for _, other := range f.params {
			if other.name == param.name {
				p.fail(pos, "parameter "+quote(param.name)+" stands twice")
			}
		}
		if p.accept(":") {
			param.typ = p.typeRef()
		}
		f.params = append(f.params, param)
	}
	if p.isWord("external") && p.lookahead(func() bool { p.advance(); return p.is("{") }) {
		p.fail(p.tok.pos, "external functions (Java, PMML) are not supported")
	}
	f.body = p.expression()
	return f
}

// typeRef is a type, DMN 1.5 grammar rule 54.
func (p *parser) typeRef() *typeRef {
	var t *typeRef
	p.nested(func() node {
		t = p.typeOf(p.typeName())
		return nil
	})
	return t
}

func (p *parser) typeName() (string, int) {
	pos := p.tok.pos
	if p.tok.kind != tokWord {
		p.unexpected("a type")
	}
	for _, long := range []string{
		"date and time", "days and time duration", "years and months duration",
		"day time duration", "year month duration", "date time",
	} {
		if end := matchName(p.src, pos, long); end >= 0 && wordEnd(p.src, end) == end {
			p.pos = end
			p.advance()
			return long, pos
		}
	}
	name := p.tok.text
	p.advance()
	return name, pos
}

func (p *parser) typeOf(name string, pos int) *typeRef {
	switch name {
	case "Any", "any":
		return &typeRef{name: "Any"}
	case "null", "Null":
		return &typeRef{name: "Null"}
	case "number", "string", "boolean", "date", "time", "date and time",
		"days and time duration", "years and months duration":
		return &typeRef{name: name}
	case "date time":
		return &typeRef{name: "date and time"}
	case "day time duration":
		return &typeRef{name: "days and time duration"}
	case "year month duration":
		return &typeRef{name: "years and months duration"}
	case "list", "range":
		t := &typeRef{name: name}
		if p.accept("<") {
			t.elem = p.typeRef()
			p.expect(">")
		}
		return t
	case "context":
		return p.contextType()
	case "function":
		return p.functionType()
	}
	p.fail(pos, "unknown type "+quote(name))
	return nil
}

func (p *parser) contextType() *typeRef {
	t := &typeRef{name: "context"}
	if !p.accept("<") {
		return t
	}
	for {
		field := parameter{name: p.parameterName()}
		p.expect(":")
		field.typ = p.typeRef()
		t.fields = append(t.fields, field)
		if p.accept(">") {
			return t
		}
		p.expect(",")
	}
}

func (p *parser) functionType() *typeRef {
	t := &typeRef{name: "function"}
	if !p.accept("<") {
		return t
	}
	for !p.accept(">") {
		if len(t.params) > 0 {
			p.expect(",")
		}
		t.params = append(t.params, p.typeRef())
	}
	p.expect("->")
	t.result = p.typeRef()
	return t
}
