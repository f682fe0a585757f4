package feel

import "strings"

// String returns the type as it is written.
func (t *typeRef) String() string {
	switch {
	case t.elem != nil:
		return t.name + "<" + t.elem.String() + ">"
	case t.fields != nil:
		parts := make([]string, len(t.fields))
		for i, f := range t.fields {
			parts[i] = f.name + ": " + f.typ.String()
		}
		return "context<" + strings.Join(parts, ", ") + ">"
	case t.result != nil:
		parts := make([]string, len(t.params))
		for i, p := range t.params {
			parts[i] = p.String()
		}
		return "function<" + strings.Join(parts, ", ") + "> -> " + t.result.String()
	}
	return t.name
}

// instanceOf says whether v is of type t. Null is of type Null only.
func instanceOf(v Value, t *typeRef) bool {
	v = orNull(v)
	switch t.name {
	case "Any":
		return v.Kind() != KindNull
	case "Null":
		return v.Kind() == KindNull
	}
	if v.Kind().String() != t.name {
		return false
	}
	return instanceOfParts(v, t)
}

func instanceOfParts(v Value, t *typeRef) bool {
	switch v := v.(type) {
	case List:
		for _, item := range v {
			if t.elem != nil && !allowed(item, t.elem) {
				return false
			}
		}
	case Range:
		return t.elem == nil || (isNull(v.Low) || allowed(v.Low, t.elem)) && (isNull(v.High) || allowed(v.High, t.elem))
	case Context:
		for _, f := range t.fields {
			if field, ok := v.Lookup(f.name); !ok || !allowed(field, f.typ) {
				return false
			}
		}
	case Function:
		if t.result != nil && v.f != nil && v.f.builtin == nil {
			return len(v.f.params) == len(t.params) && parametersMatch(v.f.params, t.params)
		}
	}
	return true
}

// parametersMatch says whether declared parameters take what a function type
// promises to give.
func parametersMatch(declared []parameter, types []*typeRef) bool {
	for i, p := range declared {
		if p.typ != nil && p.typ.name != "Any" && p.typ.String() != types[i].String() {
			return false
		}
	}
	return true
}

// allowed is instanceOf for parts: any value may be missing there.
func allowed(v Value, t *typeRef) bool { return isNull(v) || instanceOf(v, t) }

// conform converts an argument to the type of its parameter, DMN 1.5 section
// 10.3.2.9.4: a list of one to its element, a value to a list of one, a date
// to a date and time.
func conform(v Value, t *typeRef) (Value, bool) {
	if isNull(v) || instanceOf(v, t) {
		return v, true
	}
	if t.name == "list" && (t.elem == nil || instanceOf(v, t.elem)) {
		return List{v}, true
	}
	if list, ok := v.(List); ok && len(list) == 1 && instanceOf(list[0], t) {
		return list[0], true
	}
	if d, ok := v.(Date); ok && t.name == "date and time" {
		return d.midnight(), true
	}
	return nil, false
}
