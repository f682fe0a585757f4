//go:build unix

package embedded

import (
	"errors"
	"os"
	"syscall"
)

const errAddrInUse = syscall.EADDRINUSE

// lockDir takes the directory for this process, as long as the file is open.
func lockDir(dir string) (*os.File, error) {
	f, err := lockFile(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the first error is the one to tell
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, err
	}
	return f, nil
}
