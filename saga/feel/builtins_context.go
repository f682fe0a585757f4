package feel

func contextBuiltin(name string) *builtin {
	switch name {
	case "get value":
		return define(name, with("m|context:c, key:s", getValue), with("m|context:c, keys:l", getValueAt))
	case "get entries":
		return define(name, with("m|context:c", getEntries))
	case "context":
		return define(name, with("entries:l", contextOf))
	case "context put", "put":
		return define(name, with("context:c, key:s, value:*", contextPut), with("context:c, keys:l, value:*", contextPutAt))
	case "context merge", "put all":
		return define(name, with("contexts:l", contextMerge), with("...contexts:c", rest(contextMerge)))
	}
	return nil
}

func getValue(ev *evaluator, pos int, a []Value) Value {
	if v, ok := a[0].(Context).Lookup(str(a[1])); ok {
		return v
	}
	return ev.warn(pos, "the context has no %q", str(a[1]))
}

// getValueAt goes down a path of keys.
func getValueAt(ev *evaluator, pos int, a []Value) Value {
	v := a[0]
	for _, key := range a[1].(List) {
		c, isContext := v.(Context)
		k, isString := key.(String)
		if !isContext || !isString {
			return ev.warn(pos, "get value: there is nothing at these keys")
		}
		v = getValue(ev, pos, []Value{c, k})
	}
	return v
}

func getEntries(ev *evaluator, _ int, a []Value) Value {
	entries := a[0].(Context).Entries()
	if !ev.fits(len(entries)) {
		return Null{}
	}
	list := make(List, len(entries))
	for i, e := range entries {
		list[i] = NewContext(Entry{"key", String(e.Key)}, Entry{"value", e.Value})
	}
	return list
}

// contextOf is the inverse of get entries. A key that stands twice makes null.
func contextOf(ev *evaluator, pos int, a []Value) Value {
	list := a[0].(List)
	if !ev.fits(len(list)) {
		return Null{}
	}
	data := &contextData{}
	for _, item := range list {
		entry, ok := item.(Context)
		key, _ := entry.Lookup("key")
		value, found := entry.Lookup("value")
		k, isString := key.(String)
		if !ok || !isString || !found || data.find(string(k)) >= 0 {
			return ev.warn(pos, "context: each entry must have a key of its own and a value")
		}
		data.put(string(k), orNull(value))
	}
	return Context{data}
}

func contextPut(ev *evaluator, _ int, a []Value) Value {
	c := a[0].(Context)
	if !ev.fits(c.Len() + 1) {
		return Null{}
	}
	return c.With(str(a[1]), a[2])
}

// contextPutAt puts at a path of keys, and makes the contexts that are missing.
func contextPutAt(ev *evaluator, pos int, a []Value) Value {
	keys := a[1].(List)
	c := a[0].(Context)
	if len(keys) == 0 {
		return ev.warn(pos, "context put: there are no keys")
	}
	key, ok := keys[0].(String)
	if !ok {
		return ev.warn(pos, "context put: a key is %v", orNull(keys[0]).Kind())
	}
	if len(keys) == 1 {
		return contextPut(ev, pos, []Value{c, key, a[2]})
	}
	if !ev.fits(c.Len() + 1) {
		return Null{}
	}
	inner, _ := c.Lookup(string(key))
	below, ok := orNull(inner).(Context)
	if !ok && !isNull(inner) {
		return ev.warn(pos, "context put: %q is %v", string(key), inner.Kind())
	}
	v := contextPutAt(ev, pos, []Value{below, keys[1:], a[2]})
	if isNull(v) {
		return v
	}
	return c.With(string(key), v)
}

// contextMerge puts all entries into one; of the same key the last counts.
func contextMerge(ev *evaluator, pos int, a []Value) Value {
	data := &contextData{}
	for _, item := range a[0].(List) {
		c, ok := item.(Context)
		if !ok {
			return ev.warn(pos, "context merge: an element is %v", orNull(item).Kind())
		}
		entries := c.Entries()
		if !ev.fits(len(data.entries) + len(entries)) {
			return Null{}
		}
		for _, e := range entries {
			data.put(e.Key, orNull(e.Value))
		}
	}
	return Context{data}
}
