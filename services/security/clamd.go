package security

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/security/scan"
)

// ReasonScannerDown is why a document fails, in the end, that the virus
// scanner could not look at in any attempt.
const ReasonScannerDown = "scanner-down"

// ErrScannerDown reports that the virus scanner cannot be reached, or gives no
// clear answer.
var ErrScannerDown = runner.Coded(ReasonScannerDown, "the virus scanner gives no answer")

// Clamd says where a ClamAV daemon listens. The zero Clamd is none.
type Clamd struct {
	Network string        // unix or tcp; default unix
	Address string        // path of a socket, or host:port; empty for none
	Timeout time.Duration // of one file; default one minute
	Wait    time.Duration // how long an attempt waits for a daemon that is down, then it fails; default not at all
}

const (
	clamdPause    = 100 * time.Millisecond // before it is asked again, doubled each time
	clamdMaxPause = 5 * time.Second
)

func (c Clamd) check() error {
	switch c.Network {
	case "", "unix", "tcp":
	default:
		return fmt.Errorf("security: clamd: network %q is neither unix nor tcp", c.Network)
	}
	if c.Timeout < 0 || c.Wait < 0 {
		return errors.New("security: clamd: a time must not be negative")
	}
	return nil
}

// scan has clamd look at data. That it cannot be reached, or gives no clear
// answer, is an error that wraps [ErrScannerDown], so that the document waits;
// it never passes unseen.
func (c Clamd) scan(ctx context.Context, data []byte, l *look) error {
	if c.Address == "" {
		return nil
	}
	waiting, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	for pause := clamdPause; ; pause = min(2*pause, clamdMaxPause) {
		err := c.once(ctx, data, l)
		if err == nil {
			return nil
		}
		select {
		case <-waiting.Done():
			return fmt.Errorf("clamd: %w: %w", ErrScannerDown, err)
		case <-time.After(pause):
		}
	}
}

// once asks clamd and notes its verdict.
func (c Clamd) once(ctx context.Context, data []byte, l *look) error {
	answer, err := c.ask(ctx, data)
	if err != nil {
		return err
	}
	verdict := strings.TrimPrefix(strings.TrimSpace(answer), "stream: ")
	switch {
	case verdict == "OK":
		return nil
	case strings.HasSuffix(verdict, " FOUND"):
		l.find(scan.Malware, 0, strings.TrimSuffix(verdict, " FOUND"))
		return nil
	case strings.Contains(answer, "size limit exceeded"):
		l.find(scan.Unscanned, 0, "larger than the virus scanner takes")
		return nil
	default:
		return fmt.Errorf("unexpected answer %.100q", answer)
	}
}

// ask sends data by INSTREAM (clamd(8)): chunks with their length before
// them, an empty one at the end. clamd may answer before it has read all, when
// the stream is over its limit, so the answer is read even if sending fails.
func (c Clamd) ask(ctx context.Context, data []byte) (_ string, err error) {
	timeout, network := c.Timeout, c.Network
	if timeout == 0 {
		timeout = time.Minute
	}
	if network == "" {
		network = "unix"
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, network, c.Address)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // the answer is read, or there is another error
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	sendErr := send(conn, data)
	answer, err := io.ReadAll(io.LimitReader(conn, 4096))
	if text := strings.TrimRight(string(answer), "\x00\n"); text != "" {
		return text, nil
	}
	if ctx.Err() != nil {
		return "", context.Cause(ctx)
	}
	return "", errors.Join(errors.New("no answer"), sendErr, err)
}

func send(w io.Writer, data []byte) error {
	if _, err := io.WriteString(w, "zINSTREAM\x00"); err != nil {
		return err
	}
	const chunk = 64 << 10
	for len(data) > 0 {
		part := data[:min(len(data), chunk)]
		data = data[len(part):]
		if err := sendChunk(w, part); err != nil {
			return err
		}
	}
	return sendChunk(w, nil)
}

func sendChunk(w io.Writer, part []byte) error {
	message := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(part)), uint32(len(part)))
	_, err := w.Write(append(message, part...))
	return err
}
