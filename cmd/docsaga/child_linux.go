package main

import "syscall"

// childAttributes makes a child end with its parent, however that ends, and
// keeps a terminal's Ctrl-C from it: the parent asks it to stop.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
