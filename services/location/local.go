package location

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/docsaga/docsaga/services/runner"
)

// local reads regular files under its roots. [os.Root] holds every path,
// symbolic links included, inside.
type local struct {
	roots []string
}

func newLocal(roots []string) (local, error) {
	var l local
	for _, root := range roots {
		if !filepath.IsAbs(root) {
			return l, fmt.Errorf("location: root %q: want an absolute path", root)
		}
		info, err := os.Stat(root)
		if err != nil {
			return l, fmt.Errorf("location: root: %w", err)
		}
		if !info.IsDir() {
			return l, fmt.Errorf("location: root %q: want a directory", root)
		}
		l.roots = append(l.roots, filepath.Clean(root))
	}
	return l, nil
}

// open opens a path below the roots. A relative path is looked up in one root
// after the other.
func (l local) open(_ context.Context, _ runner.Visit, location string) (found, error) {
	path, err := localPath(location)
	if err != nil {
		return found{}, err
	}
	inside := false
	for _, root := range l.roots {
		rel := filepath.Clean(path)
		if filepath.IsAbs(path) {
			if rel, err = filepath.Rel(root, path); err != nil {
				continue
			}
		}
		if !filepath.IsLocal(rel) {
			continue
		}
		inside = true
		f, err := openUnder(root, rel)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return f, err
	}
	if inside {
		return found{}, runner.Reject(ReasonNotFound, "there is no such file")
	}
	return found{}, runner.Reject(ReasonNotAllowed, "the file is under none of the allowed directories")
}

// localPath returns the path of a location that is a path or a file URL
// (RFC 8089).
func localPath(location string) (string, error) {
	if m := scheme.FindString(location); !strings.EqualFold(m, "file:") {
		return location, nil
	}
	u, err := url.Parse(location)
	if err != nil || u.Path == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", runner.Reject(ReasonNotAllowed, "the location is no file URL with an absolute path alone")
	}
	if u.Host != "" && !strings.EqualFold(u.Host, "localhost") {
		return "", runner.Reject(ReasonNotAllowed, "the file URL names another host")
	}
	if strings.ContainsRune(u.Path, 0) {
		return "", runner.Reject(ReasonNotAllowed, "the file URL holds a zero byte")
	}
	return filepath.FromSlash(u.Path), nil
}

// openUnder opens a regular file. It looks at the kind before it opens, for to
// open a device can have an effect, and after, for a path can be changed in
// between; and it opens without waiting, for a FIFO would wait for a writer.
func openUnder(root, rel string) (found, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		// Not wrapped: a root that is gone is no file that is not there.
		return found{}, fmt.Errorf("location: open a root: %w: %s", ErrUnreachable, cause(err).Error())
	}
	defer dir.Close() //nolint:errcheck // it was only read
	info, err := dir.Stat(rel)
	if err != nil {
		return found{}, localError(err)
	}
	if !info.Mode().IsRegular() {
		return found{}, notRegular(info.Mode())
	}
	f, err := dir.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return found{}, localError(err)
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() {
		err = notRegular(info.Mode())
	}
	if err != nil {
		return found{}, errors.Join(localError(err), f.Close())
	}
	return found{body: f, name: filepath.Base(rel), size: info.Size()}, nil
}

func notRegular(mode fs.FileMode) error {
	what := "not a regular file"
	switch {
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	}
	return runner.Reject(ReasonNotAllowed, "the location is %s", what)
}

// localError sorts errors of the file system: fs.ErrNotExist stays, a no is a
// rejection, the rest may pass. An error that no system call gave is that of a
// path which leaves the root.
func localError(err error) error {
	if _, ok := runner.AsRejection(err); ok {
		return err
	}
	var errno syscall.Errno
	switch {
	case !errors.As(err, &errno):
		return runner.Reject(ReasonNotAllowed, "the path leaves the allowed directories")
	case errors.Is(errno, fs.ErrNotExist), errno == syscall.ENOTDIR, errno == syscall.ENAMETOOLONG, errno == syscall.EINVAL:
		return fs.ErrNotExist
	case errors.Is(errno, fs.ErrPermission):
		return runner.Reject(ReasonNotAllowed, "the file may not be read")
	case errno == syscall.ELOOP, errno == syscall.ENXIO:
		return runner.Reject(ReasonNotAllowed, "the location is no file that can be read")
	}
	return fmt.Errorf("location: read a file: %w: %w", ErrUnreachable, errno)
}

// cause takes the path out of an error.
func cause(err error) error {
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		return path.Err
	}
	return err
}
