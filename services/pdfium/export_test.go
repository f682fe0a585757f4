package pdfium

import "io"

// PIDs returns the process ids of the children that are idle.
func (p *Pool) PIDs() []int {
	var pids []int
	for range len(p.idle) {
		c := <-p.idle
		pids = append(pids, c.cmd.Process.Pid)
		p.idle <- c
	}
	return pids
}

// Confine gives up what a child gives up.
func Confine() (held, missing []string) { return confine(DefaultMemoryPages) }

// WriteReply and ReadReply are the two ends of an answer.
func WriteReply(w io.Writer, r Report) error {
	return writeFrame(w, reply{Report: &r, Decrypted: len(r.Decrypted)}, r.blobs()...)
}

// ReadReply reads what WriteReply has written.
func ReadReply(r io.Reader) (*Report, error) {
	var answer reply
	body, err := readFrame(r, &answer)
	if err != nil {
		return nil, err
	}
	if answer.Report == nil {
		return nil, answer.error()
	}
	return answer.Report, answer.Report.takeBlobs(body, answer.Decrypted)
}
