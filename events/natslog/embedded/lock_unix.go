//go:build linux || darwin || freebsd

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

// freeBytes returns how much a file in dir may grow.
func freeBytes(dir string) (int64, error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * int64(stat.Bsize), nil //nolint:unconvert // the types differ between systems
}
