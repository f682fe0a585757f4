//go:build !unix

package embedded

import (
	"os"
	"syscall"
)

const errAddrInUse = syscall.Errno(10048) // WSAEADDRINUSE

// lockDir opens the lock file. Here nothing keeps a second process out.
func lockDir(dir string) (*os.File, error) { return lockFile(dir) }
