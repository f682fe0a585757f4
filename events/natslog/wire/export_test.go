package wire

// Most is how many bytes may wait to be written.
const Most = most

// Waits returns how many bytes wait to be written.
func (c *Conn) Waits() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.out)
}
