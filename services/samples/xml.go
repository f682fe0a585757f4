package samples

import (
	"encoding/xml"
	"strings"
)

// An element is an XML element being written: a name, attributes, and text or
// children.
type element struct {
	name     string
	attrs    []string // name, value, name, value, ...
	text     string
	children []element
}

// el returns an element with children.
func el(name string, children ...element) element {
	return element{name: name, children: children}
}

// leaf returns an element with text. One with no text is left out when it is
// written, as is an element none of whose children is written.
func leaf(name, text string, attrs ...string) element {
	return element{name: name, text: text, attrs: attrs}
}

func (e element) empty() bool {
	if e.text != "" {
		return false
	}
	for _, c := range e.children {
		if !c.empty() {
			return false
		}
	}
	return true
}

// document writes the element as a whole document in UTF-8.
func (e element) document() []byte {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>` + "\n")
	e.write(&b, "")
	return []byte(b.String())
}

func (e element) write(b *strings.Builder, indent string) {
	if e.empty() {
		return
	}
	b.WriteString(indent + "<" + e.name)
	for i := 0; i+1 < len(e.attrs); i += 2 {
		b.WriteString(" " + e.attrs[i] + `="` + escapeXML(e.attrs[i+1]) + `"`)
	}
	b.WriteString(">")
	if len(e.children) == 0 {
		b.WriteString(escapeXML(e.text) + "</" + e.name + ">\n")
		return
	}
	b.WriteString("\n")
	for _, c := range e.children {
		c.write(b, indent+" ")
	}
	b.WriteString(indent + "</" + e.name + ">\n")
}

func escapeXML(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic("samples: writing into memory: " + err.Error()) // a builder refuses nothing
	}
	return b.String()
}

// each returns one element for every value.
func each[T any](values []T, make func(T) element) []element {
	var all []element
	for _, v := range values {
		all = append(all, make(v))
	}
	return all
}
