package feel

import "fmt"

// node is an expression's part. The set is closed: the types of this file.
//
//sumtype:decl
type node interface{ isNode() }

type (
	// litNode is a number, string, boolean, null, or temporal literal.
	litNode struct {
		v        Value
		temporal bool // written as @"..."
	}
	nameNode struct {
		pos  int
		name string
	}
	listNode struct{ items []node }
	// contextNode is {key: value, ...}.
	contextNode struct{ entries []contextEntry }
	rangeNode   struct {
		pos               int
		low, high         node
		lowOpen, highOpen bool
	}
	negNode struct {
		pos int
		x   node
	}
	// binaryNode is arithmetic, comparison, and, or.
	binaryNode struct {
		pos  int
		op   operator
		x, y node
	}
	betweenNode struct {
		pos          int
		x, low, high node
	}
	// inNode is x in (tests).
	inNode struct {
		pos   int
		x     node
		tests *testsNode
	}
	// testsNode is a list of unary tests; without tests it is "-", anything.
	testsNode struct {
		not   bool
		tests []node
	}
	// compareTest is a unary test such as < 5, with ? on its left.
	compareTest struct {
		pos int
		op  operator
		y   node
	}
	pathNode struct {
		pos  int
		x    node
		name string
	}
	filterNode struct {
		pos       int
		x, filter node
	}
	callNode struct {
		pos     int
		fn      node
		builtin *builtin // what fn, a name, means unless the scope has it
		names   []string // of the arguments, or nil
		args    []node
	}
	ifNode         struct{ cond, then, otherwise node }
	iteratorClause struct {
		name string
		in   node
		to   node // of in .. to, or nil
	}
	forNode struct {
		pos       int
		iterators []iteratorClause
		body      node
	}
	quantifiedNode struct {
		pos       int
		every     bool
		iterators []iteratorClause
		satisfies node
	}
	functionNode struct {
		params []parameter
		body   node
	}
	instanceNode struct {
		pos int
		x   node
		typ *typeRef
	}
)

type contextEntry struct {
	key   string
	value node
}

type parameter struct {
	name string
	typ  *typeRef // or nil
}

func (*litNode) isNode()        {}
func (*nameNode) isNode()       {}
func (*listNode) isNode()       {}
func (*contextNode) isNode()    {}
func (*rangeNode) isNode()      {}
func (*negNode) isNode()        {}
func (*binaryNode) isNode()     {}
func (*betweenNode) isNode()    {}
func (*inNode) isNode()         {}
func (*testsNode) isNode()      {}
func (*compareTest) isNode()    {}
func (*pathNode) isNode()       {}
func (*filterNode) isNode()     {}
func (*callNode) isNode()       {}
func (*ifNode) isNode()         {}
func (*forNode) isNode()        {}
func (*quantifiedNode) isNode() {}
func (*functionNode) isNode()   {}
func (*instanceNode) isNode()   {}

type operator uint8

const (
	opOr operator = iota
	opAnd
	opEq
	opNe
	opLt
	opLe
	opGt
	opGe
	opAdd
	opSub
	opMul
	opDiv
	opPow
)

// String returns the operator as it is written.
func (op operator) String() string {
	names := [...]string{"or", "and", "=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "**"}
	if int(op) < len(names) {
		return names[op]
	}
	return fmt.Sprintf("operator(%d)", op)
}

// typeRef is a type as instance of and function parameters name it.
type typeRef struct {
	name   string // any, null, number, ..., list, context, range, function
	elem   *typeRef
	fields []parameter // of a context
	params []*typeRef  // of a function
	result *typeRef    // of a function
}
