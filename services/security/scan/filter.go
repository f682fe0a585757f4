package scan

import (
	"bytes"
	"compress/flate"
	"io"
)

// A decoding says how the decoding of a stream went.
type decoding struct {
	in      int64 // encoded bytes that were looked at
	out     int64 // decoded bytes, of the filter that gave most
	filters int
	over    bool // a limit ended it
}

// decode undoes the filters of a stream as far as they are known and the
// limits allow. What it returns may be incomplete: broken data ends early.
func (s *scanner) decode(o *object) ([]byte, decoding) {
	data := s.encoded(o)
	d := decoding{in: int64(len(data)), out: int64(len(data))}
	names, params := s.filters(o)
	d.filters = len(names)
	if d.filters > s.limits.Filters {
		return nil, d
	}
	for i, name := range names {
		limit := min(s.limits.Stream, s.budget.left)
		if i == 0 {
			s.work -= int64(len(data))
		}
		if limit <= 0 || s.work <= 0 {
			d.over = true
			return nil, d
		}
		if name == "Crypt" {
			continue // the identity, or encrypted and beyond us
		}
		out, used, known := s.undo(name, data, params[i], limit)
		if !known {
			return nil, d // a filter for pictures, or none at all
		}
		s.budget.left -= int64(len(out))
		d.out = max(d.out, int64(len(out)))
		if int64(len(out)) >= limit {
			d.over, d.in, d.out = true, min(d.in, int64(used)), int64(len(out))
			return out, d
		}
		data = s.unpredict(out, params[i])
	}
	return data, d
}

// undo undoes one filter. It returns what comes out and how many bytes of data
// that took.
func (s *scanner) undo(name string, data []byte, params map[string]value, limit int64) (out []byte, used int, known bool) {
	used = len(data)
	switch name {
	case "FlateDecode", "Fl":
		out, used = inflate(data, limit)
	case "LZWDecode", "LZW":
		early := true
		if v, ok := params["EarlyChange"]; ok {
			early = s.resolve(v).num != 0
		}
		out, used = unLZW(data, early, limit)
	case "ASCIIHexDecode", "AHx":
		out = unASCIIHex(data)
	case "ASCII85Decode", "A85":
		out = unASCII85(data, limit)
	case "RunLengthDecode", "RL":
		out, used = unRunLength(data, limit)
	default:
		return nil, 0, false
	}
	return out, used, true
}

// encoded returns the bytes of a stream as they stand in the file.
func (s *scanner) encoded(o *object) []byte {
	if length := s.resolve(o.dict["Length"]); length.kind == kindInt && length.num >= 0 &&
		length.num <= int64(len(s.data)-o.start) {
		end := o.start + int(length.num)
		lex := &lexer{data: s.data[end:min(len(s.data), end+32)]}
		if tok := lex.next(); tok.kind == tokWord && tok.text == "endstream" {
			return s.data[o.start:end]
		}
	}
	end := s.endOfStream(o.start)
	if end == o.start {
		return s.data[o.start:]
	}
	return s.data[o.start : end-len("endstream")]
}

// filters returns the names of a stream's filters and their parameters.
func (s *scanner) filters(o *object) ([]string, []map[string]value) {
	filter, parms := first(o.dict, "Filter", "F"), first(o.dict, "DecodeParms", "DP")
	filter, parms = s.resolve(filter), s.resolve(parms)
	list := []value{filter}
	if filter.kind == kindArray {
		list = filter.array
	}
	var names []string
	var all []map[string]value
	for i, f := range list {
		f = s.resolve(f)
		if f.kind != kindName {
			continue
		}
		var p map[string]value
		switch {
		case parms.kind == kindDict:
			p = parms.dict
		case parms.kind == kindArray && i < len(parms.array):
			p = s.resolve(parms.array[i]).dict
		}
		names, all = append(names, f.name), append(all, p)
	}
	return names, all
}

// first returns what stands under the key or, if nothing does, its short form.
func first(dict map[string]value, key, short string) value {
	if v, ok := dict[key]; ok {
		return v
	}
	return dict[short]
}

// inflate undoes zlib, or deflate without its header. It takes what comes out
// before an error. It also returns how many bytes of data it has used.
func inflate(data []byte, limit int64) ([]byte, int) {
	for len(data) > 0 && isSpace(data[0]) && data[0] != 0 {
		data = data[1:] // some writers put another end of line
	}
	if len(data) > 2 {
		if out, used := deflated(data[2:], limit); len(out) > 0 {
			return out, used // the header may be broken
		}
	}
	return deflated(data, limit)
}

func deflated(data []byte, limit int64) ([]byte, int) {
	in := bytes.NewReader(data)
	r := flate.NewReader(in)
	var out bytes.Buffer
	_, _ = io.Copy(&out, io.LimitReader(r, limit)) // an error ends the data, no more
	return out.Bytes(), len(data) - in.Len()
}

func unASCIIHex(data []byte) []byte {
	out := make([]byte, 0, len(data)/2)
	high := -1
	for _, c := range data {
		if c == '>' {
			break
		}
		n := unhex(c)
		switch {
		case n < 0:
		case high < 0:
			high = n
		default:
			out, high = append(out, byte(high<<4|n)), -1
		}
	}
	if high >= 0 {
		out = append(out, byte(high<<4))
	}
	return out
}

func unASCII85(data []byte, limit int64) []byte {
	var out []byte
	var group uint32
	n := 0
	for _, c := range data {
		if int64(len(out)) >= limit || c == '~' {
			break
		}
		switch {
		case c == 'z' && n == 0:
			out = append(out, 0, 0, 0, 0)
		case c >= '!' && c <= 'u':
			group = group*85 + uint32(c-'!')
			if n++; n == 5 {
				out = append(out, byte(group>>24), byte(group>>16), byte(group>>8), byte(group))
				group, n = 0, 0
			}
		}
	}
	if n > 1 {
		for i := n; i < 5; i++ {
			group = group*85 + 84
		}
		last := []byte{byte(group >> 24), byte(group >> 16), byte(group >> 8)}
		out = append(out, last[:n-1]...)
	}
	return out
}

func unRunLength(data []byte, limit int64) (out []byte, used int) {
	i := 0
	for i < len(data) && int64(len(out)) < limit {
		n := int(data[i])
		i++
		switch {
		case n < 128:
			end := min(i+n+1, len(data))
			out = append(out, data[i:end]...)
			i = end
		case n > 128 && i < len(data):
			out = append(out, bytes.Repeat(data[i:i+1], 257-n)...)
			i++
		case n == 128:
			return out, i
		}
	}
	return out, i
}

// unLZW undoes the LZW of PDF and TIFF: codes of 9 to 12 bits, most
// significant bit first; 256 clears the table, 257 ends. With early, codes
// grow one entry earlier than they must.
func unLZW(data []byte, early bool, limit int64) (out []byte, used int) {
	const clear, end, maxCodes = 256, 257, 4096
	var prefix [maxCodes]int16
	var suffix, start [maxCodes]byte
	var length [maxCodes]int32
	for i := range 256 {
		prefix[i], suffix[i], start[i], length[i] = -1, byte(i), byte(i), 1
	}
	shift := 0
	if early {
		shift = 1
	}
	next, width, previous := 258, 9, -1
	var bits uint32
	have := 0
	for i, c := range data {
		bits, have = bits<<8|uint32(c), have+8
		if have < width {
			continue
		}
		have -= width
		code := int(bits>>have) & (1<<width - 1)
		if code == end || int64(len(out)) >= limit {
			return out, i
		}
		if code == clear {
			next, width, previous = 258, 9, -1
			continue
		}
		if code > next || code == next && previous < 0 || code >= 256 && code < 258 {
			return out, i // broken
		}
		if previous >= 0 && next < maxCodes {
			prefix[next], start[next], length[next] = int16(previous), start[previous], length[previous]+1
			suffix[next] = start[code]
			if code == next {
				suffix[next] = start[previous]
			}
			next++
		} else if code >= next {
			return out, i
		}
		out = append(out, make([]byte, length[code])...)
		for at, c := len(out)-1, code; c >= 0; at, c = at-1, int(prefix[c]) {
			out[at] = suffix[c]
		}
		previous = code
		if next+shift >= 1<<width && width < 12 {
			width++
		}
	}
	return out, len(data)
}

// unpredict undoes the predictor of Flate and LZW (7.4.4.4).
func (s *scanner) unpredict(data []byte, params map[string]value) []byte {
	get := func(key string, def int64) int64 {
		if v := s.resolve(params[key]); v.kind == kindInt {
			return v.num
		}
		return def
	}
	predictor := get("Predictor", 1)
	if predictor < 2 {
		return data
	}
	colors, bits, columns := get("Colors", 1), get("BitsPerComponent", 8), get("Columns", 1)
	if colors < 1 || colors > 64 || bits < 1 || bits > 32 || columns < 1 || columns > 1<<24 {
		return data
	}
	row, pixel := int((colors*bits*columns+7)/8), int(max(1, colors*bits/8))
	if predictor == 2 {
		return unTIFF(data, row, pixel, bits)
	}
	return unPNG(data, row, pixel)
}

func unTIFF(data []byte, row, pixel int, bits int64) []byte {
	if bits != 8 {
		return data // only pictures have others
	}
	for start := 0; start < len(data); start += row {
		line := data[start:min(len(data), start+row)]
		for i := pixel; i < len(line); i++ {
			line[i] += line[i-pixel]
		}
	}
	return data
}

func unPNG(data []byte, row, pixel int) []byte {
	out := make([]byte, 0, len(data))
	above := make([]byte, row)
	for len(data) > 1 {
		filter, line := data[0], data[1:min(len(data), row+1)]
		data = data[1+len(line):]
		for i := range line {
			var left, corner byte
			if i >= pixel {
				left, corner = line[i-pixel], above[i-pixel]
			}
			switch filter {
			case 1:
				line[i] += left
			case 2:
				line[i] += above[i]
			case 3:
				line[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				line[i] += paeth(left, above[i], corner)
			}
		}
		out = append(out, line...)
		if len(line) == row {
			above = line
		}
	}
	return out
}

func paeth(a, b, c byte) byte {
	p := int(a) + int(b) - int(c)
	pa, pb, pc := abs(p-int(a)), abs(p-int(b)), abs(p-int(c))
	switch {
	case pa <= pb && pa <= pc:
		return a
	case pb <= pc:
		return b
	default:
		return c
	}
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
