package feel

import (
	"slices"
	"strings"
)

// String returns the expression in one canonical form: with single spaces, no
// comments, and only the brackets that are needed. It parses to the same
// expression.
func (x *Expr) String() string {
	f := formatter{}
	f.node(x.root, precTop)
	return f.b.String()
}

// Precedences, from loosest to tightest.
const (
	precTop = iota
	precOr
	precAnd
	precRelation
	precSum
	precProduct
	precPower
	precNegation
	precInstance
	precPostfix
)

func (op operator) precedence() int {
	switch op {
	case opOr:
		return precOr
	case opAnd:
		return precAnd
	case opEq, opNe, opLt, opLe, opGt, opGe:
		return precRelation
	case opAdd, opSub:
		return precSum
	case opMul, opDiv:
		return precProduct
	case opPow:
		return precPower
	}
	return precTop
}

type formatter struct {
	b strings.Builder
}

func (f *formatter) text(parts ...string) {
	for _, p := range parts {
		f.b.WriteString(p)
	}
}

// node writes n, in brackets if it binds looser than its place wants.
func (f *formatter) node(n node, want int) {
	if precedenceOf(n) < want {
		f.text("(")
		f.write(n)
		f.text(")")
		return
	}
	f.write(n)
}

func precedenceOf(n node) int {
	switch n := n.(type) {
	case *binaryNode:
		return n.op.precedence()
	case *betweenNode, *inNode:
		return precRelation
	case *negNode:
		return precNegation
	case *instanceNode:
		return precInstance
	case *litNode:
		if num, ok := n.v.(Number); ok && num.dec().Negative {
			return precNegation
		}
	case *ifNode, *forNode, *quantifiedNode, *functionNode, *testsNode, *compareTest:
		return precTop
	case *nameNode, *listNode, *contextNode, *rangeNode, *pathNode, *filterNode, *callNode:
	}
	return precPostfix
}

func (f *formatter) write(n node) {
	switch n := n.(type) {
	case *litNode:
		f.text(n.v.String())
	case *nameNode:
		f.text(nameText(n.name))
	case *listNode:
		f.text("[")
		f.nodes(n.items)
		f.text("]")
	case *contextNode:
		f.context(n)
	case *rangeNode:
		f.rangeOf(n)
	case *negNode:
		f.text("-")
		f.node(n.x, precNegation)
	case *binaryNode:
		p := n.op.precedence()
		f.node(n.x, p)
		f.text(" ", n.op.String(), " ")
		f.node(n.y, p+1)
	case *testsNode:
		f.tests(n)
	case *pathNode:
		f.node(n.x, precPostfix)
		f.text(".", nameText(n.name))
	case *filterNode:
		f.node(n.x, precPostfix)
		f.text("[")
		f.node(n.filter, precTop)
		f.text("]")
	default:
		f.writeLong(n)
	}
}

// writeLong writes what is made of words.
func (f *formatter) writeLong(n node) {
	switch n := n.(type) { //nolint:gochecksumtype // the rest of write's
	case *betweenNode:
		f.node(n.x, precRelation)
		f.text(" between ")
		f.node(n.low, precSum)
		f.text(" and ")
		f.node(n.high, precSum)
	case *inNode:
		f.node(n.x, precRelation)
		f.text(" in (")
		f.nodes(n.tests.tests)
		f.text(")")
	case *compareTest:
		f.text(n.op.String(), " ")
		f.node(n.y, precSum)
	case *callNode:
		f.call(n)
	case *ifNode:
		f.text("if ")
		f.node(n.cond, precTop)
		f.text(" then ")
		f.node(n.then, precTop)
		f.text(" else ")
		f.node(n.otherwise, precTop)
	case *forNode:
		f.text("for ")
		f.iterators(n.iterators)
		f.text(" return ")
		f.node(n.body, precTop)
	case *quantifiedNode:
		f.text(pick(n.every, "every ", "some "))
		f.iterators(n.iterators)
		f.text(" satisfies ")
		f.node(n.satisfies, precTop)
	case *functionNode:
		f.function(n)
	case *instanceNode:
		f.node(n.x, precInstance)
		f.text(" instance of ", n.typ.String())
	}
}

func (f *formatter) nodes(list []node) {
	for i, n := range list {
		if i > 0 {
			f.text(", ")
		}
		f.node(n, precTop)
	}
}

func (f *formatter) tests(n *testsNode) {
	switch {
	case len(n.tests) == 0:
		f.text("-")
	case n.not:
		f.text("not(")
		f.nodes(n.tests)
		f.text(")")
	case len(n.tests) == 1 && isNotCall(n.tests[0]):
		// In brackets, or it would be read as the negation of tests.
		f.text("(")
		f.nodes(n.tests)
		f.text(")")
	default:
		f.nodes(n.tests)
	}
}

func isNotCall(n node) bool {
	c, ok := n.(*callNode)
	if !ok {
		return false
	}
	name, ok := c.fn.(*nameNode)
	return ok && name.name == "not"
}

func (f *formatter) context(n *contextNode) {
	f.text("{")
	for i, entry := range n.entries {
		if i > 0 {
			f.text(", ")
		}
		f.text(keyText(entry.key), ": ")
		f.node(entry.value, precTop)
	}
	f.text("}")
}

func (f *formatter) rangeOf(n *rangeNode) {
	switch {
	case n.low == nil:
		f.text("(", pick(n.highOpen, "< ", "<= "))
		f.node(n.high, precSum)
		f.text(")")
	case n.high == nil:
		f.text("(", pick(n.lowOpen, "> ", ">= "))
		f.node(n.low, precSum)
		f.text(")")
	default:
		f.text(pick(n.lowOpen, "(", "["))
		f.node(n.low, precSum)
		f.text("..")
		f.node(n.high, precSum)
		f.text(pick(n.highOpen, ")", "]"))
	}
}

func (f *formatter) call(n *callNode) {
	if name, ok := n.fn.(*nameNode); ok && (name.name == "not" || slices.Contains(builtinsWithKeywords(), name.name)) {
		f.text(name.name)
	} else {
		f.node(n.fn, precPostfix)
	}
	f.text("(")
	for i, a := range n.args {
		if i > 0 {
			f.text(", ")
		}
		if n.names != nil {
			f.text(nameText(n.names[i]), ": ")
		}
		f.node(a, precTop)
	}
	f.text(")")
}

func (f *formatter) iterators(its []iteratorClause) {
	for i, it := range its {
		if i > 0 {
			f.text(", ")
		}
		f.text(nameText(it.name), " in ")
		f.node(it.in, precTop)
		if it.to != nil {
			f.text("..")
			f.node(it.to, precTop)
		}
	}
}

func (f *formatter) function(n *functionNode) {
	f.text("function(")
	for i, p := range n.params {
		if i > 0 {
			f.text(", ")
		}
		f.text(nameText(p.name))
		if p.typ != nil {
			f.text(": ", p.typ.String())
		}
	}
	f.text(") ")
	f.node(n.body, precTop)
}

// isPlainName says whether s is words that the parser joins to one name.
func isPlainName(s string) bool {
	for word := range strings.SplitSeq(s, " ") {
		if !isPlainWord(word) {
			return false
		}
	}
	return true
}

// nameText writes a name bare if it can be read so, or in backticks.
func nameText(name string) string {
	if name == "?" || isPlainName(name) && !strings.Contains(name+" ", "instance ") {
		return name
	}
	return "`" + name + "`"
}
