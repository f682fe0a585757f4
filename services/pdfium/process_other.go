//go:build !linux

package pdfium

import "syscall"

// attributes adds nothing: a child ends by itself when its standard input does.
func attributes() *syscall.SysProcAttr { return nil }
