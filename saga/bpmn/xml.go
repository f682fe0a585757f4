package bpmn

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/docsaga/docsaga/saga"
)

// The limits of a file.
const (
	MaxSource   = 1 << 20 // bytes
	MaxElements = 100_000
	MaxDepth    = 64
)

// The namespaces whose elements are read.
const (
	spaceModel    = "http://www.omg.org/spec/BPMN/20100524/MODEL"
	spaceBeta     = "http://schema.omg.org/spec/BPMN/2.0" // of drafts of the standard
	spaceZeebe    = "http://camunda.org/schema/zeebe/1.0"
	spaceCamunda  = "http://camunda.org/schema/1.0/bpmn"
	spaceActiviti = "http://activiti.org/bpmn"
	spaceFlowable = "http://flowable.org/bpmn"
)

// An element is one element of the file.
type element struct {
	space, name string
	attrs       []xml.Attr
	line        int
	text        string
	raw         []byte // text while it is read
	children    []*element
}

// attr returns an attribute that has no namespace.
func (e *element) attr(name string) string { return e.attrIn("", name) }

func (e *element) attrIn(space, name string) string {
	for _, a := range e.attrs {
		if a.Name.Local == name && a.Name.Space == space {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

func (e *element) id() string { return e.attr("id") }

// is reports whether the element is the named one of BPMN's own.
func (e *element) is(name string) bool { return e.name == name && e.isModel() }

func (e *element) isModel() bool { return e.space == spaceModel }

// all returns the children of that name, of BPMN's own.
func (e *element) all(name string) []*element { return e.allIn(spaceModel, name) }

func (e *element) allIn(space, name string) []*element {
	var list []*element
	for _, c := range e.children {
		if c.name == name && c.space == space {
			list = append(list, c)
		}
	}
	return list
}

// child returns the first child of that name, or nil.
func (e *element) child(name string) *element { return e.childIn(spaceModel, name) }

func (e *element) childIn(space, name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name && c.space == space {
			return c
		}
	}
	return nil
}

// extension returns the first extension element of that name, or nil.
func (e *element) extension(space, name string) *element {
	return e.child("extensionElements").childIn(space, name)
}

// read parses the file. Its elements keep their lines.
func read(source []byte) (*element, error) {
	if len(source) > MaxSource {
		return nil, fmt.Errorf("bpmn: %d bytes, at most %d: %w", len(source), MaxSource, saga.ErrBadDefinition)
	}
	r := reader{d: xml.NewDecoder(bytes.NewReader(source))}
	r.d.CharsetReader = charset
	for {
		line, _ := r.d.InputPos()
		token, err := r.d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = r.take(token, line)
		}
		if err != nil {
			return nil, fmt.Errorf("bpmn: line %d: %w: %w", line, err, saga.ErrBadDefinition)
		}
	}
	if r.root == nil {
		return nil, fmt.Errorf("bpmn: no element: %w", saga.ErrBadDefinition)
	}
	return r.root, nil
}

type reader struct {
	d     *xml.Decoder
	root  *element
	open  []*element
	count int
}

func (r *reader) take(token xml.Token, line int) error {
	switch t := token.(type) {
	case xml.StartElement:
		return r.start(t, line)
	case xml.EndElement:
		last := r.open[len(r.open)-1]
		if len(last.children) == 0 {
			last.text = strings.TrimSpace(string(last.raw))
		}
		last.raw = nil
		r.open = r.open[:len(r.open)-1]
	case xml.CharData:
		// Text counts only where it is a value, in an element without children.
		if n := len(r.open); n > 0 && len(r.open[n-1].children) == 0 {
			r.open[n-1].raw = append(r.open[n-1].raw, t...)
		}
	case xml.Directive:
		return errors.New("a document type declaration is refused")
	}
	return nil
}

func (r *reader) start(t xml.StartElement, line int) error {
	if r.count++; r.count > MaxElements {
		return fmt.Errorf("more than %d elements", MaxElements)
	}
	if len(r.open) >= MaxDepth {
		return fmt.Errorf("elements nested more than %d deep", MaxDepth)
	}
	e := &element{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr, line: line}
	if e.space == spaceBeta {
		e.space = spaceModel
	}
	switch n := len(r.open); {
	case n > 0:
		r.open[n-1].children = append(r.open[n-1].children, e)
	case r.root != nil:
		return errors.New("a second root element")
	default:
		r.root = e
	}
	r.open = append(r.open, e)
	return nil
}

// charset reads the encodings that modelers declare besides UTF-8.
func charset(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(label) {
	case "us-ascii", "ascii":
		return input, nil
	case "iso-8859-1", "latin1", "windows-1252":
		raw, err := io.ReadAll(input)
		if err != nil {
			return nil, err
		}
		runes := make([]rune, len(raw))
		for i, c := range raw {
			runes[i] = rune(c)
		}
		return strings.NewReader(string(runes)), nil
	}
	return nil, fmt.Errorf("encoding %.40q: want UTF-8", label)
}
