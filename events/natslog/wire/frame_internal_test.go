package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go"
)

// chunks hands out data in pieces of such sizes, over and over.
type chunks struct {
	data  []byte
	sizes []byte
	turn  int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	size := len(c.data)
	if len(c.sizes) > 0 {
		size = 1 + int(c.sizes[c.turn%len(c.sizes)])
		c.turn++
	}
	n := copy(p[:min(size, len(p))], c.data)
	c.data = c.data[n:]
	return n, nil
}

// told returns what a stream says until it ends, and how.
func told(t *testing.T, data, sizes []byte) (all []string, err error) {
	t.Helper()
	r := newFrameReader(&chunks{data: data, sizes: sizes})
	var f Frame
	for range len(data) + 1 {
		op, err := r.next(&f)
		if held := len(r.buffer); held > maxFrame+maxLine+bufferSize {
			t.Fatalf("holds %d bytes", held)
		}
		switch {
		case err != nil:
			return all, err
		case op == opMessage:
			all = append(all, fmt.Sprintf("%d %+v", f.sid, f.Message()))
		default:
			all = append(all, fmt.Sprintf("%d %s", op, f.line))
		}
	}
	t.Fatal("it does not end")
	return nil, nil
}

func FuzzFrames(f *testing.F) {
	for _, seed := range []string{
		"INFO {\"max_payload\":1}\r\n+OK\r\nPING\r\nPONG\r\n-ERR 'Stale Connection'\r\n",
		"MSG a.b 1 0\r\n\r\nMSG a.b 1 re.ply 5\r\na\r\nbc\r\nPING\r\n",
		"HMSG a 12 12 12\r\nNATS/1.0\r\n\r\n\r\nHMSG a 12 r 19 22\r\nNATS/1.0\r\nA: b\r\n\r\ndat\r\n",
		"MSG a 1 99999999999999999999\r\n", "MSG a 1 -1\r\n", "HMSG a 1 9 8\r\n", "MSG a 1 3\r\nabcd\r\n", "MSG  a\t1 \t 1 \r\nx\r\n",
		"HTTP/1.1 400 Bad Request\r\n", "\r\n", "\n", "PING\n", "MSG a 1 83886080\r\n", "MSG a 1 2 3 4 5 6 7\r\n", "",
	} {
		f.Add([]byte(seed), []byte{0})
		f.Add([]byte(seed), []byte{6, 0, 30})
	}
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		whole, err := told(t, data, nil)
		parts, errParts := told(t, data, sizes)
		if strings.Join(whole, "\n") != strings.Join(parts, "\n") || fmt.Sprint(err) != fmt.Sprint(errParts) {
			t.Errorf("in one piece %q, %v; in pieces %q, %v", whole, err, parts, errParts)
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, errProtocol) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestFramesAreReadAsTheProtocolSays(t *testing.T) {
	long := strings.Repeat("x", 3*bufferSize)
	for stream, want := range map[string][]string{
		"+OK\r\nPING\r\nPONG\r\n":            {"4 ", "2 ", "3 "},
		"INFO {\"a\": 1} \r\n-ERR 'a b'\r\n": {`1 {"a": 1} `, "5 'a b'"},
		"MSG a.b 7 0\r\n\r\nMSG a 8 re.ply 5\r\na\r\nbc\r\n": {
			"7 {Subject:a.b Reply: Header: Data:[]}", "8 {Subject:a Reply:re.ply Header: Data:[97 13 10 98 99]}",
		},
		"MSG  a\t1 \t 1 \r\nx\r\n":                   {"1 {Subject:a Reply: Header: Data:[120]}"},
		"HMSG a 1 r 12 14\r\nNATS/1.0\r\n\r\nxy\r\n": {"1 {Subject:a Reply:r Header:NATS/1.0\r\n\r\n Data:[120 121]}"},
		"HMSG a 1 12 12\r\nNATS/1.0\r\n\r\n\r\n":     {"1 {Subject:a Reply: Header:NATS/1.0\r\n\r\n Data:[]}"},
		"INFO " + long + "\r\nPING\r\n":              {"1 " + long, "2 "},
		"MSG a 1 3\r\nabcd\r\n":                      nil,
		"MSG a 1 5\r\nabcd\r\n+OK\r\n":               nil,
		"HMSG a 1 9 8\r\n12345678\r\n":               nil,
		"HMSG a 1 8\r\n12345678\r\n":                 nil,
		"MSG a 1\r\n\r\n":                            nil,
		"MSG a 1 r 1 1\r\nx\r\n":                     nil,
		"MSG a x 1\r\nx\r\n":                         nil,
		"MSG a 1 -1\r\n\r\n":                         nil,
		"MSG a 1 1e1\r\n0123456789\r\n":              nil,
		"MSG a 1 18446744073709551617\r\nx\r\n":      nil,
		"ping\r\n":                                   nil, "PING\n": nil, "\r\n": nil, "MSGS a 1 0\r\n\r\n": nil,
	} {
		for _, sizes := range [][]byte{nil, {0}, {2, 0, 200}} {
			all, err := told(t, []byte(stream), sizes)
			if good := want != nil; !slices.Equal(all, want) || errors.Is(err, errProtocol) == good {
				t.Errorf("%.100q: got %.200q, %v; want %.200q", stream, all, err, want)
			}
		}
	}
}

func TestALineWithoutAnEndIsGivenUp(t *testing.T) {
	endless := io.MultiReader(strings.NewReader("INFO "), zeros{})
	if _, err := newFrameReader(endless).next(&Frame{}); !errors.Is(err, errProtocol) {
		t.Errorf("got %v, want %v", err, errProtocol)
	}
	if _, err := newFrameReader(io.MultiReader(strings.NewReader("MSG a 1 90000000\r\n"), zeros{})).next(&Frame{}); !errors.Is(err, errProtocol) {
		t.Errorf("a message that is too large: got %v, want %v", err, errProtocol)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestALargeBufferIsNotKept(t *testing.T) {
	large := append(fmt.Appendf(nil, "MSG a 1 %d\r\n", 4<<20), make([]byte, 4<<20)...)
	r := newFrameReader(&chunks{data: append(large, "\r\nPING\r\n"...), sizes: []byte{255}})
	var f Frame
	for _, want := range []operation{opMessage, opPing} {
		if op, err := r.next(&f); op != want || err != nil {
			t.Fatalf("got %d, %v, want %d", op, err, want)
		}
	}
	if _, err := r.next(&f); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want %v", err, io.EOF)
	}
	if len(r.buffer) != bufferSize {
		t.Errorf("it holds %d bytes, want %d", len(r.buffer), bufferSize)
	}
}

// nine is a header of nine lines, as events have.
var nine = []byte(strings.Repeat("Docsaga-Something: a value of some length\r\n", 9))

// endless is a stream of one frame over and over.
type endless struct {
	frame []byte
	at    int
}

func (e *endless) Read(p []byte) (n int, err error) {
	for n < len(p) {
		m := copy(p[n:], e.frame[e.at:])
		n, e.at = n+m, (e.at+m)%len(e.frame)
	}
	return n, nil
}

func stream() *endless {
	head := "NATS/1.0\r\n" + string(nine) + "\r\n"
	data := strings.Repeat("x", 200)
	return &endless{frame: fmt.Appendf(nil, "HMSG docsaga.17.flow.1.document.step 7 $JS.ACK.S.c.1.2.3.4.5 %d %d\r\n%s%s\r\n", len(head), len(head)+len(data), head, data)}
}

// readingConn returns a connection without a server that hands frames out.
func readingConn(take func(*Frame)) *Conn {
	c := &Conn{wake: make(chan struct{}, 1), subs: map[uint64]*Subscription{7: {take: take}}}
	c.room = sync.NewCond(&c.mu)
	return c
}

// A stopAfter ends after so many reads.
type stopAfter struct {
	from io.Reader
	left int
}

var errStop = errors.New("that was all")

func (s *stopAfter) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, errStop
	}
	s.left--
	return s.from.Read(p)
}

func TestReadingAndHandingOutAllocatesNothing(t *testing.T) {
	bytesSeen, frames := 0, 0
	c := readingConn(func(f *Frame) { bytesSeen += len(f.Subject()) + len(f.Data()); frames++ })
	const reads = 64
	allocs := testing.AllocsPerRun(5, func() {
		frames = 0
		if err := c.read(newFrameReader(&stopAfter{stream(), reads})); !errors.Is(err, errStop) {
			t.Fatal(err)
		}
	})
	// A run allocates its reader, its stream and its error, and many frames nothing.
	if frames < 1000 || allocs > 60 {
		t.Errorf("%v allocations for %d frames of %d bytes", allocs, frames, bytesSeen)
	}
}

func TestPublishingAllocatesNothing(t *testing.T) {
	c := readingConn(nil)
	c.up, c.maxPayload, c.out = true, 1<<20, make([]byte, 0, 1<<20)
	m := &Outgoing{Subject: "docsaga.17.flow.1.document.step", Reply: "_INBOX.a.17", Header: [2][]byte{nine, nil}, Data: make([]byte, 200)}
	allocs := testing.AllocsPerRun(1000, func() {
		if err := c.Publish(m); err != nil {
			t.Fatal(err)
		}
		if len(c.out) > 1<<19 {
			c.out = c.out[:0]
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for each message, want none", allocs)
	}
}

func TestWhoWaitsIsFreedWhenTheConnectionIsLostAndDoesNotPublishOnTheNext(t *testing.T) {
	for name, lose := range map[string]func(c *Conn){
		"it is lost": func(c *Conn) { c.end(false) },
		"there is another before the publisher gets on": func(c *Conn) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.room.Broadcast()
			c.session, c.out = c.session+1, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := readingConn(nil)
				c.begin(&session{maxPayload: 100})
				c.out = make([]byte, most+1)
				ended := make(chan error)
				go func() { ended <- c.Publish(&Outgoing{Subject: "s", Data: []byte("x")}) }()
				synctest.Wait()
				lose(c)
				if err := <-ended; !errors.Is(err, nats.ErrDisconnected) {
					t.Errorf("got %v, want %v", err, nats.ErrDisconnected)
				}
			})
		})
	}
}

func BenchmarkPublish(b *testing.B) {
	c := readingConn(nil)
	c.up, c.maxPayload, c.out = true, 1<<20, make([]byte, 0, 1<<20)
	m := &Outgoing{Subject: "docsaga.17.flow.1.document.step", Reply: "_INBOX.a.17", Header: [2][]byte{nine, nil}, Data: make([]byte, 200)}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Publish(m); err != nil {
			b.Fatal(err)
		}
		if len(c.out) > 1<<19 {
			c.out = c.out[:0]
		}
	}
}

func BenchmarkRead(b *testing.B) {
	r := newFrameReader(stream())
	var f Frame
	b.ReportAllocs()
	for b.Loop() {
		if op, err := r.next(&f); op != opMessage || err != nil {
			b.Fatal(op, err)
		}
	}
	if !bytes.HasPrefix(f.Subject(), []byte("docsaga.")) {
		b.Errorf("read %s", f.Subject())
	}
}
