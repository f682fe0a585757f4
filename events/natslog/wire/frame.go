package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

const (
	// maxLine bounds a control line. The longest is INFO, which names the
	// cluster's servers.
	maxLine = 1 << 20
	// maxFrame bounds a message, headers included. It is above what a server can
	// be told to take (64 MiB).
	maxFrame = 80 << 20
	// bufferSize is what is read at once. A frame that is larger has a buffer of
	// its own size.
	bufferSize = 64 << 10
)

// errProtocol reports bytes that are not of the protocol.
var errProtocol = errors.New("not the NATS protocol")

// An operation is what a server sends; see
// https://docs.nats.io/reference/reference-protocols/nats-protocol.
type operation int

const (
	opMessage operation = iota
	opInfo
	opPing
	opPong
	opOK
	opError
)

// A Frame is a message in the buffer that it was read into. What its methods
// return is valid until the handler that got it returns.
type Frame struct {
	line    []byte // of what is no message, what follows the word
	whole   []byte // of a message, all but the end of the line behind it
	sid     uint64
	subject span
	reply   span
	header  int // where the header begins
	data    int // where the data begins; the same, if there is no header
}

// A span is a part of a frame.
type span struct{ from, to int }

// Subject returns the subject.
func (f *Frame) Subject() []byte { return f.whole[f.subject.from:f.subject.to] }

// Data returns the payload.
func (f *Frame) Data() []byte { return f.whole[f.data:] }

// A Message is a frame that may be kept.
type Message struct {
	Subject string
	Reply   string
	Header  string // as a block that begins with the line NATS/1.0; or empty
	Data    []byte
}

// Message returns a copy of the frame.
func (f *Frame) Message() Message {
	head := string(f.whole[:f.data]) // one piece of memory for all strings
	return Message{
		Subject: head[f.subject.from:f.subject.to], Reply: head[f.reply.from:f.reply.to],
		Header: head[f.header:f.data], Data: bytes.Clone(f.Data()),
	}
}

// A frameReader cuts what a server sends into frames.
type frameReader struct {
	from   io.Reader
	buffer []byte
	start  int // of what was not returned yet
	end    int
	most   int // how large a buffer that is kept may be
}

func newFrameReader(from io.Reader) *frameReader {
	return &frameReader{from: from, buffer: make([]byte, bufferSize), most: 16 * bufferSize}
}

// next reads a frame, which is valid until the next call.
func (r *frameReader) next(f *Frame) (operation, error) {
	line, err := r.line()
	if err != nil {
		return 0, err
	}
	word, rest, _ := bytes.Cut(line, []byte(" "))
	op, known := operationOf(word)
	if !known {
		return 0, fmt.Errorf("wire: line %.40q: %w", line, errProtocol)
	}
	if op == opMessage {
		return op, r.message(f, line, len(word) == len("HMSG"))
	}
	f.line = rest
	r.start += len(line) + len("\r\n")
	return op, nil
}

func operationOf(word []byte) (op operation, known bool) {
	switch string(word) {
	case "MSG", "HMSG":
		return opMessage, true
	case "PING":
		return opPing, true
	case "PONG":
		return opPong, true
	case "+OK":
		return opOK, true
	case "INFO":
		return opInfo, true
	case "-ERR":
		return opError, true
	}
	return 0, false
}

// line returns the next line without its end, which it does not pass.
func (r *frameReader) line() ([]byte, error) {
	for looked := r.start; ; {
		if i := bytes.IndexByte(r.buffer[looked:r.end], '\n'); i >= 0 {
			end := looked + i
			if end == r.start || r.buffer[end-1] != '\r' {
				return nil, fmt.Errorf("wire: a line ends without a carriage return: %w", errProtocol)
			}
			return r.buffer[r.start : end-1], nil
		}
		have := r.end - r.start
		if have > maxLine {
			return nil, fmt.Errorf("wire: a line of more than %d bytes: %w", maxLine, errProtocol)
		}
		if err := r.fill(have + 1); err != nil {
			return nil, err
		}
		looked = r.start + have
	}
}

// fill reads until so many bytes are there.
func (r *frameReader) fill(size int) error {
	if r.start == r.end && len(r.buffer) > r.most {
		r.buffer = make([]byte, bufferSize)
	}
	if r.start == r.end {
		r.start, r.end = 0, 0
	}
	if r.start+size > len(r.buffer) {
		to := r.buffer
		if size > len(to) {
			to = make([]byte, size+bufferSize)
		}
		r.end = copy(to, r.buffer[r.start:r.end])
		r.buffer, r.start = to, 0
	}
	for r.end-r.start < size {
		n, err := r.from.Read(r.buffer[r.end:])
		r.end += n
		if err != nil && r.end-r.start < size {
			return err
		}
	}
	return nil
}

// message reads
//
//	MSG <subject> <sid> [reply] <size>
//	HMSG <subject> <sid> [reply] <size of the header> <size of both>
//
// and what follows the line.
func (r *frameReader) message(f *Frame, line []byte, headed bool) error {
	*f = Frame{}
	var words [6]span
	n := cut(line, words[:])
	numbers := 1
	if headed {
		numbers = 2
	}
	text := func(i int) []byte { return line[words[i].from:words[i].to] }
	bad := func() error { return fmt.Errorf("wire: line %.200q: %w", line, errProtocol) }
	if n != 3+numbers && n != 4+numbers {
		return bad()
	}
	f.subject = words[1]
	if n == 4+numbers {
		f.reply = words[3]
	}
	sid, ok := number(text(2))
	size, okSize := number(text(n - 1))
	if !ok || !okSize || size > maxFrame {
		return bad()
	}
	header := uint64(0)
	if headed {
		if header, ok = number(text(n - 2)); !ok || header > size {
			return bad()
		}
	}
	begin := len(line) + len("\r\n")
	f.sid, f.header, f.data = sid, begin, begin+int(header) //nolint:gosec // at most maxFrame
	whole := begin + int(size)                              //nolint:gosec // at most maxFrame
	if err := r.fill(whole + len("\r\n")); err != nil {
		return err
	}
	all := r.buffer[r.start : r.start+whole+len("\r\n")]
	if all[whole] != '\r' || all[whole+1] != '\n' {
		return fmt.Errorf("wire: a message of %d bytes does not end there: %w", size, errProtocol)
	}
	f.whole = all[:whole]
	r.start += len(all)
	return nil
}

// cut finds the words of a line, and returns how many there are; if they are
// more than there is room for, one more than that.
func cut(line []byte, words []span) int {
	n := 0
	for at := 0; at < len(line); {
		if line[at] == ' ' || line[at] == '\t' {
			at++
			continue
		}
		from := at
		for at < len(line) && line[at] != ' ' && line[at] != '\t' {
			at++
		}
		if n == len(words) {
			return n + 1
		}
		words[n] = span{from, at}
		n++
	}
	return n
}

// number reads digits.
func number(word []byte) (n uint64, ok bool) {
	if len(word) == 0 || len(word) > 18 {
		return 0, false
	}
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, true
}
