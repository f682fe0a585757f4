package feel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// FromJSON decodes one JSON value. Objects become contexts with their keys in
// order; numbers become decimals, and must fit one.
func FromJSON(data []byte) (Value, error) {
	if !json.Valid(data) {
		var v any
		return nil, fmt.Errorf("feel: JSON value: %w", cmpErr(json.Unmarshal(data, &v)))
	}
	return decode(bytes.TrimSpace(data), 0)
}

func cmpErr(err error) error {
	if err == nil {
		return errors.New("not valid")
	}
	return err
}

// decode is valueOfRaw that decodes all, from valid JSON.
func decode(raw []byte, depth int) (Value, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("feel: JSON value: nested deeper than %d", maxJSONDepth)
	}
	switch raw[0] {
	case '{':
		data := &contextData{}
		for m, i := nextMember(raw, 1); i >= 0; m, i = nextMember(raw, i) {
			v, err := decode(m.value, depth+1)
			if err != nil {
				return nil, err
			}
			data.put(m.name(), v)
		}
		return Context{data}, nil
	case '[':
		list := List{}
		for i := skipBlank(raw, 1); raw[i] != ']'; {
			end := skipValue(raw, i)
			v, err := decode(raw[i:end], depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
			if i = skipBlank(raw, end); raw[i] == ',' {
				i = skipBlank(raw, i+1)
			}
		}
		return list, nil
	case '"', 't', 'f', 'n':
		return valueOfRaw(raw, depth), nil
	}
	return ParseNumber(string(raw))
}

// maxJSON bounds what ToJSON writes, in bytes. Values share parts, so that
// a small one can be long when written.
const maxJSON = 16 << 20

// ToJSON encodes v: numbers as decimals with all their digits, dates, times and
// durations as ISO 8601 strings, a range as a string of FEEL, a context with its
// keys in order. Equal values of one order have the same bytes. A function
// cannot be encoded, nor what is longer than 16 MiB.
func ToJSON(v Value) ([]byte, error) {
	return appendJSON(nil, orNull(v), maxJSON)
}

var errTooLong = errors.New("feel: value as JSON: too long")

func appendJSON(b []byte, v Value, most int) ([]byte, error) {
	if len(b) > most {
		return nil, errTooLong
	}
	switch v := v.(type) {
	case Bool:
		return strconv.AppendBool(b, bool(v)), nil
	case Number:
		return append(b, v.String()...), nil
	case List:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			var err error
			if b, err = appendJSON(b, orNull(item), most); err != nil {
				return nil, err
			}
		}
		return append(b, ']'), nil
	case Context:
		return appendObject(b, v, most)
	case Function:
		return nil, errors.New("feel: value as JSON: a function cannot be written")
	case Null:
		return append(b, "null"...), nil
	}
	return appendString(b, plainText(v)), nil
}

func appendObject(b []byte, c Context, most int) ([]byte, error) {
	b = append(b, '{')
	for i, entry := range c.Entries() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, entry.Key), ':')
		var err error
		if b, err = appendJSON(b, orNull(entry.Value), most); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendString(b []byte, s string) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if enc.Encode(s) != nil {
		return append(b, `""`...)
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

// plainText is a string's content and a temporal value's ISO 8601 text; FEEL
// text otherwise.
func plainText(v Value) string {
	switch v := v.(type) {
	case String:
		return string(v)
	case Date:
		return v.text()
	case Time:
		return v.text()
	case DateTime:
		return v.text()
	case DayTimeDuration:
		return v.text()
	case YearMonthDuration:
		return v.text()
	}
	return v.String()
}

// FromGo converts a value as encoding/json makes them, any integer or float,
// time.Time, time.Duration, or a Value. The keys of a map are sorted.
func FromGo(v any) (Value, error) {
	switch v := v.(type) {
	case nil:
		return Null{}, nil
	case Value:
		return v, nil
	case bool:
		return Bool(v), nil
	case string:
		return String(v), nil
	case json.Number:
		return ParseNumber(v.String())
	case json.RawMessage:
		return FromJSON(v)
	case time.Time:
		return Instant(v), nil
	case time.Duration:
		return DurationOf(v), nil
	case []any:
		list := make(List, len(v))
		for i, item := range v {
			var err error
			if list[i], err = FromGo(item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		data := &contextData{}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			item, err := FromGo(v[key])
			if err != nil {
				return nil, err
			}
			data.put(key, item)
		}
		return Context{data}, nil
	}
	return numberFromGo(v)
}

func numberFromGo(v any) (Value, error) {
	switch v := v.(type) {
	case int:
		return Int(int64(v)), nil
	case int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return ParseNumber(fmt.Sprint(v))
	case float32:
		return ParseNumber(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return numberFromFloat(v)
	}
	return nil, fmt.Errorf("feel: value of Go type %T: not convertible", v)
}
