package security

import "errors"

// What the parser of signatures may be given, which takes a stack frame for
// each nesting and memory for each object of BER (ITU-T X.690, 8.1). Signatures
// with every certificate and revocation list in them have some 15 levels.
const (
	maxBERDepth   = 64
	maxBERObjects = 500_000
)

var errBER = errors.New("security: no BER, or too deep or too long")

// A berWalk goes through BER as the parser will, but builds nothing.
type berWalk struct {
	ber  []byte
	left int // objects that may still come
}

// bounded returns nil if the parser can be given ber, which may have anything
// after its end.
func bounded(ber []byte) error {
	w := berWalk{ber: ber, left: maxBERObjects}
	_, err := w.object(0, maxBERDepth)
	return err
}

// object goes over the object at offset and returns where it ends.
func (w *berWalk) object(offset, depth int) (end int, err error) {
	if w.left--; w.left < 0 || depth == 0 {
		return 0, errBER
	}
	constructed, length, offset, err := w.header(offset)
	if err != nil {
		return 0, err
	}
	indefinite := length < 0
	if !constructed {
		if indefinite || length > len(w.ber)-offset {
			return 0, errBER
		}
		return offset + length, nil
	}
	if length > len(w.ber)-offset {
		return 0, errBER
	}
	end = offset + max(length, 0)
	for offset < end || indefinite {
		if offset, err = w.object(offset, depth-1); err != nil {
			return 0, err
		}
		if !indefinite {
			continue
		}
		if len(w.ber)-offset < 2 {
			return 0, errBER
		}
		if w.ber[offset] == 0 && w.ber[offset+1] == 0 {
			return offset + 2, nil
		}
	}
	return end, nil
}

// header reads tag and length, which is -1 if it is indefinite, and returns
// where the content begins.
func (w *berWalk) header(offset int) (constructed bool, length, content int, err error) {
	next := func() (b byte) {
		if offset >= len(w.ber) {
			err = errBER
			return 0
		}
		offset++
		return w.ber[offset-1]
	}
	tag := next()
	if tag&0x1f == 0x1f {
		for next() >= 0x80 {
			continue
		}
	}
	l := next()
	switch {
	case l == 0x80:
		length = -1
	case l > 0x84: // more than four bytes
		return false, 0, 0, errBER
	case l > 0x80:
		for range l & 0x7f {
			length = length<<8 | int(next())
		}
	default:
		length = int(l)
	}
	if length > len(w.ber) { // also keeps an int of 32 bits from turning
		err = errBER
	}
	return tag&0x20 != 0, length, offset, err
}
