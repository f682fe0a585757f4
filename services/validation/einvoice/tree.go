package einvoice

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Limits bound what [Read] takes. The zero Limits are good ones. While it reads
// and after, it holds at most about 3 times Bytes, 300 bytes an element, and
// 400 bytes a line; measured on documents made to cost much.
type Limits struct {
	Bytes    int64 // of the XML document; default 16 MiB
	Elements int   // default 300,000
	Lines    int   // of the invoice; default 50,000
	Depth    int   // of elements in elements; default 64
}

func (l Limits) orDefault() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 16 << 20
	}
	if l.Elements <= 0 {
		l.Elements = 300_000
	}
	if l.Lines <= 0 {
		l.Lines = 50_000
	}
	if l.Depth <= 0 {
		l.Depth = 64
	}
	return l
}

// maxAttributes bounds the attributes of one element.
const maxAttributes = 64

// A node is an element. A nil node stands for an element that is not there;
// all its methods work.
type node struct {
	name  xml.Name
	attrs []xml.Attr
	text  string
	kids  []*node
}

// at returns the first element under n that path leads to, or nil. Each part
// of path is a name, or several with "|" between them, for the vocabularies
// that name the same thing differently.
func (n *node) at(path ...string) *node {
	for _, part := range path {
		n = n.child(part)
	}
	return n
}

func (n *node) child(names string) *node {
	if n == nil {
		return nil
	}
	for _, kid := range n.kids {
		if named(kid.name.Local, names) {
			return kid
		}
	}
	return nil
}

// all returns n's direct elements of one of the names.
func (n *node) all(names string) []*node {
	if n == nil {
		return nil
	}
	var found []*node
	for _, kid := range n.kids {
		if named(kid.name.Local, names) {
			found = append(found, kid)
		}
	}
	return found
}

func named(name, names string) bool {
	for {
		first, rest, more := strings.Cut(names, "|")
		if name == first {
			return true
		}
		if !more {
			return false
		}
		names = rest
	}
}

// value returns the text of the element that path leads to, without space
// around it and on one line: as XML Schema's normalizedString, each line break
// and tab is a space.
func (n *node) value(path ...string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || r == '\r' {
			return ' '
		}
		return r
	}, n.prose(path...))
}

// prose returns the text with its line breaks.
func (n *node) prose(path ...string) string {
	if n = n.at(path...); n == nil {
		return ""
	}
	return strings.TrimSpace(n.text)
}

// attr returns the attribute's value without space around it.
func (n *node) attr(name string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// A treeReader reads a document into nodes.
type treeReader struct {
	decoder  *xml.Decoder
	limits   Limits
	elements int
	stack    []*node
	texts    []*strings.Builder
}

// readTree reads r. It asks accept about the root, and stops with its error.
func readTree(r io.Reader, limits Limits, accept func(root xml.Name) error) (*node, error) {
	limits = limits.orDefault()
	limited := &limitedReader{from: r, left: limits.Bytes}
	text, err := decoded(limited)
	if err != nil {
		return nil, err
	}
	t := &treeReader{decoder: xml.NewDecoder(text), limits: limits}
	t.decoder.CharsetReader = charsetReader
	var root *node
	for {
		token, err := t.decoder.Token()
		switch {
		case errors.Is(err, io.EOF) && root != nil:
			return root, nil
		case errors.Is(err, io.EOF):
			return nil, errors.New("no element in it")
		case err != nil:
			return nil, err
		}
		if start, ok := token.(xml.StartElement); ok && len(t.stack) == 0 {
			if root != nil {
				return nil, errors.New("more than one root element")
			}
			if err := accept(start.Name); err != nil {
				return nil, err
			}
		}
		closed, err := t.take(token)
		if err != nil {
			return nil, err
		}
		if closed != nil && len(t.stack) == 0 {
			root = closed
		}
	}
}

// take adds a token to the tree and returns the element that it closes.
func (t *treeReader) take(token xml.Token) (*node, error) {
	switch token := token.(type) {
	case xml.Directive:
		return nil, errors.New("a document type declaration is not allowed")
	case xml.StartElement:
		t.elements++
		if len(t.stack) >= t.limits.Depth || t.elements > t.limits.Elements || len(token.Attr) > maxAttributes {
			return nil, fmt.Errorf("over the limit of %d levels, %d elements or %d attributes",
				t.limits.Depth, t.limits.Elements, maxAttributes)
		}
		n := &node{name: token.Name, attrs: kept(token.Attr)}
		if len(t.stack) > 0 {
			parent := t.stack[len(t.stack)-1]
			parent.kids = append(parent.kids, n)
		}
		t.stack, t.texts = append(t.stack, n), append(t.texts, &strings.Builder{})
	case xml.CharData:
		if len(t.stack) > 0 && !holdsFile(t.stack[len(t.stack)-1].name.Local) {
			t.texts[len(t.texts)-1].Write(token)
		}
	case xml.EndElement:
		last := len(t.stack) - 1
		n := t.stack[last]
		if len(n.kids) == 0 {
			n.text = t.texts[last].String()
		}
		t.stack, t.texts = t.stack[:last], t.texts[:last]
		return n, nil
	}
	return nil, nil //nolint:nilnil // no element was closed, and that is no error
}

// kept returns the attributes that mean something in an invoice.
func kept(attrs []xml.Attr) []xml.Attr {
	var keep []xml.Attr
	for _, a := range attrs {
		switch a.Name.Local {
		case "currencyID", "unitCode", "schemeID", "name":
			keep = append(keep, a)
		}
	}
	return keep
}

// holdsFile reports whether an element's text is a file, which is not kept.
func holdsFile(name string) bool {
	return name == "AttachmentBinaryObject" || name == "EmbeddedDocumentBinaryObject"
}

// A limitedReader fails, rather than ends, at its limit.
type limitedReader struct {
	from io.Reader
	left int64
}

// Read reads, and fails when more than the limit was there.
func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errors.New("over the limit of bytes")
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.from.Read(p)
	l.left -= int64(n)
	if l.left < 0 {
		return 0, errors.New("over the limit of bytes")
	}
	return n, err
}
