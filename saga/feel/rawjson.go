package feel

import (
	"bytes"
	"encoding/json"
)

// JSONScope returns a context over a JSON object that is decoded only where it
// is looked at, which is what a guard over a large context wants. Looking up
// a key reads past the other values without decoding them, each time anew.
//
// The text is neither checked nor copied: the caller must not change it, and
// where it is not JSON keys are missing or null. [FromJSON] checks.
func JSONScope(raw []byte) Context {
	i := skipBlank(raw, 0)
	if i >= len(raw) || raw[i] != '{' {
		return Context{}
	}
	return Context{&contextData{raw: raw[i:]}}
}

// maxJSONDepth is how deep lists and objects may nest.
const maxJSONDepth = 1000

func skipBlank(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\n' || raw[i] == '\t' || raw[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the index after the string that starts at i, or -1.
func skipString(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// skipValue returns the index after the value that starts at i, or -1. It does
// not look into lists and objects beyond finding their end.
func skipValue(raw []byte, i int) int {
	if i >= len(raw) {
		return -1
	}
	switch raw[i] {
	case '"':
		return skipString(raw, i)
	case '{', '[':
		return skipNested(raw, i)
	}
	start := i
	for i < len(raw) && !endsScalar(raw[i]) {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

func endsScalar(c byte) bool {
	switch c {
	case ',', '}', ']', ' ', '\n', '\t', '\r', ':':
		return true
	}
	return false
}

func skipNested(raw []byte, i int) int {
	depth := 0
	for i < len(raw) {
		switch raw[i] {
		case '"':
			if i = skipString(raw, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// member is one key and value of an object, as text.
type member struct {
	key, value []byte // the key with its quotes
}

// nextMember returns the member of an object at or after i, and where to go on;
// i is the index after "{" or after the member before. It returns -1 at the end.
func nextMember(raw []byte, i int) (member, int) {
	i = skipBlank(raw, i)
	if i < len(raw) && raw[i] == ',' {
		i = skipBlank(raw, i+1)
	}
	if i >= len(raw) || raw[i] != '"' {
		return member{}, -1
	}
	end := skipString(raw, i)
	if end < 0 {
		return member{}, -1
	}
	key := raw[i:end]
	i = skipBlank(raw, end)
	if i >= len(raw) || raw[i] != ':' {
		return member{}, -1
	}
	i = skipBlank(raw, i+1)
	if end = skipValue(raw, i); end < 0 {
		return member{}, -1
	}
	return member{key, raw[i:end]}, end
}

func (m member) is(key string) bool {
	inner := m.key[1 : len(m.key)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner) == key
	}
	return m.name() == key
}

func (m member) name() string { return stringOfRaw(m.key) }

// stringOfRaw decodes a JSON string with its quotes.
func stringOfRaw(raw []byte) string {
	if len(raw) >= 2 && bytes.IndexByte(raw, '\\') < 0 {
		return string(bytes.ToValidUTF8(raw[1:len(raw)-1], []byte("\uFFFD")))
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// lookupRaw returns the value of a key of an object. Of several the last counts,
// as in encoding/json.
func lookupRaw(raw []byte, key string) (Value, bool) {
	var found []byte
	for m, i := nextMember(raw, 1); i >= 0; m, i = nextMember(raw, i) {
		if m.is(key) {
			found = m.value
		}
	}
	if found == nil {
		return nil, false
	}
	return valueOfRaw(found, 0), true
}

func entriesOfRaw(raw []byte) []Entry {
	data := contextData{}
	for m, i := nextMember(raw, 1); i >= 0; m, i = nextMember(raw, i) {
		data.put(m.name(), valueOfRaw(m.value, 0))
	}
	return data.entries
}

// valueOfRaw decodes one value, and objects only on demand. What is no JSON is
// null.
func valueOfRaw(raw []byte, depth int) Value {
	if len(raw) == 0 || depth > maxJSONDepth {
		return Null{}
	}
	switch c := raw[0]; {
	case c == '"':
		return String(stringOfRaw(raw))
	case c == '{':
		return Context{&contextData{raw: raw}}
	case c == '[':
		return listOfRaw(raw, depth)
	case c == 't' && string(raw) == "true":
		return Bool(true)
	case c == 'f' && string(raw) == "false":
		return Bool(false)
	case c == '-' || isDigit(c):
		return numberOfRaw(raw)
	}
	return Null{}
}

// numberOfRaw reads a number; the small whole ones that most are without the
// decimal parser.
func numberOfRaw(raw []byte) Value {
	if n, ok := digits(string(raw), len(raw)); ok && len(raw) <= 15 {
		return Int(int64(n))
	}
	n, err := ParseNumber(string(raw))
	if err != nil {
		return Null{}
	}
	return n
}

func listOfRaw(raw []byte, depth int) Value {
	list := List{}
	for i := skipBlank(raw, 1); i < len(raw) && raw[i] != ']'; {
		end := skipValue(raw, i)
		if end < 0 {
			break
		}
		list = append(list, valueOfRaw(raw[i:end], depth+1))
		i = skipBlank(raw, end)
		if i < len(raw) && raw[i] == ',' {
			i = skipBlank(raw, i+1)
		}
	}
	return list
}
