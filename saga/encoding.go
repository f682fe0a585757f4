package saga

import (
	"encoding/binary"
	"errors"

	"github.com/docsaga/docsaga/events"
)

func appendVisit(b []byte, v Visit) []byte {
	b = binary.BigEndian.AppendUint16(b, v.node)
	b = binary.BigEndian.AppendUint16(b, v.number)
	b = binary.BigEndian.AppendUint16(b, v.rank)
	b = append(b, byte(v.status), v.again)
	b = binary.BigEndian.AppendUint16(b, v.parent)
	b = binary.BigEndian.AppendUint16(b, v.item)
	return binary.BigEndian.AppendUint64(b, v.bits)
}

func decodeVisit[T string | []byte](b T) Visit {
	raw := [visitSize]byte{}
	copy(raw[:], b)
	return Visit{
		node: binary.BigEndian.Uint16(raw[0:]), number: binary.BigEndian.Uint16(raw[2:]), rank: binary.BigEndian.Uint16(raw[4:]),
		status: Status(raw[6]), again: raw[7],
		parent: binary.BigEndian.Uint16(raw[8:]), item: binary.BigEndian.Uint16(raw[10:]), bits: binary.BigEndian.Uint64(raw[12:]),
	}
}

var errBadState = errors.New("saga: not the bytes of a state")

// stateFormat is the first byte of an encoded State.
const stateFormat = 2

// AppendBinary appends the state in a form that [State.UnmarshalBinary] reads.
func (s *State) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, stateFormat, byte(s.Verdict), flags(s.ended, s.submitted, s.stuck, s.moved))
	b = binary.BigEndian.AppendUint64(b, s.Seq)
	b = binary.BigEndian.AppendUint64(b, s.last)
	for _, n := range []uint16{s.Anomalies, s.ranks, s.open, s.joining, s.incidents, s.recalls, s.count} {
		b = binary.BigEndian.AppendUint16(b, n)
	}
	for _, text := range []string{string(s.StopStep), s.Reason} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	for i := range s.Visits() {
		b = appendVisit(b, s.Visit(i))
	}
	return b, nil
}

// UnmarshalBinary reads what [State.AppendBinary] wrote.
func (s *State) UnmarshalBinary(b []byte) error {
	const head = 3 + 8 + 8 + 7*2
	if len(b) < head || b[0] != stateFormat {
		return errBadState
	}
	next := State{
		Verdict: events.Result(b[1]), ended: b[2]&1 != 0, submitted: b[2]&2 != 0, stuck: b[2]&4 != 0, moved: b[2]&8 != 0,
		Seq: binary.BigEndian.Uint64(b[3:]), last: binary.BigEndian.Uint64(b[11:]),
	}
	var count uint16
	for i, n := range []*uint16{&next.Anomalies, &next.ranks, &next.open, &next.joining, &next.incidents, &next.recalls, &count} {
		*n = binary.BigEndian.Uint16(b[19+2*i:])
	}
	b = b[head:]
	var texts [2]string
	for i := range texts {
		n, used := binary.Uvarint(b)
		if used <= 0 || n > uint64(len(b)-used) {
			return errBadState
		}
		texts[i], b = string(b[used:used+int(n)]), b[used+int(n):] //nolint:gosec // at most len(b)
	}
	next.StopStep, next.Reason = events.StepID(texts[0]), texts[1]
	if len(b) != int(count)*visitSize {
		return errBadState
	}
	for i := 0; len(b) > 0; i, b = i+1, b[visitSize:] {
		v := decodeVisit(b)
		if int(v.parent) > i { // it would lie in itself
			return errBadState
		}
		next.append(v)
	}
	*s = next
	return nil
}

func flags(bits ...bool) (b byte) {
	for i, set := range bits {
		if set {
			b |= 1 << i
		}
	}
	return b
}
