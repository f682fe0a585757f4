package pdfium

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
