//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A power cut: the broker's directory is a file system of its own, ext4 in a
// file. The kernel is told to shut it down as it is on the disk, without what
// it was not made to write: neither data nor its own journal. Then the broker
// is killed, the file system is mounted again from the disk, and the broker
// started on what is left.

// shutDown is EXT4_IOC_SHUTDOWN, and noLogFlush its flag that says to write
// nothing more.
const (
	shutDown   = 0x8004587d
	noLogFlush = 2
)

func diskImage(dir string) string { return filepath.Join(dir, "disk.img") }

// ownDisk puts the broker's directory on a file system of its own.
func ownDisk(dir string) (func(), error) {
	const size = 512 << 20
	path := filepath.Join(dir, "nats")
	err := errors.Join(os.Mkdir(path, 0o700), os.WriteFile(diskImage(dir), nil, 0o600), os.Truncate(diskImage(dir), size))
	if err == nil {
		err = do("mkfs.ext4", "-q", "-F", diskImage(dir))
	}
	if err == nil {
		err = mountDisk(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("a power cut needs a disk of its own, and the right to mount one: %w", err)
	}
	return func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) }, nil
}

func mountDisk(dir string) error {
	return do("mount", "-o", "loop,noatime", diskImage(dir), filepath.Join(dir, "nats"))
}

func do(name string, args ...string) error {
	out, err := exec.CommandContext(context.Background(), name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// cutPower cuts the power of the broker and its disk, and leaves the broker
// off with what the disk holds.
func (t *trial) cutPower() error {
	path := filepath.Join(t.sys.dir, "nats")
	f, err := os.Open(path) //nolint:gosec // our own directory
	if err != nil {
		return err
	}
	flag := uint32(noLogFlush)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), shutDown, uintptr(unsafe.Pointer(&flag))) //nolint:gosec // that is how the kernel takes it
	_ = f.Close()
	t.sys.parts["broker"].down()
	if errno != 0 {
		return fmt.Errorf("shut down: %w", errno)
	}
	for began := time.Now(); ; <-time.After(20 * time.Millisecond) {
		if err = syscall.Unmount(path, 0); err == nil || time.Since(began) > 10*time.Second {
			break
		}
	}
	if err == nil {
		err = mountDisk(t.sys.dir)
	}
	return err
}

// cuttingPower cuts the power again and again.
func cuttingPower(ctx context.Context, t *trial) int {
	n := 0
	for wait(ctx, time.Second+time.Duration(t.rng.Int64N(int64(time.Second)))) {
		err := t.cutPower() //nolint:contextcheck // the disk is mounted again whatever ends
		t.sys.parts["broker"].up()
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, t.name+":", err)
			return n
		}
		n++
	}
	return n
}

// cuttingPowerOnce cuts the power of a broker that does not sync, which must
// then refuse to start on a log that is shorter than its anchor; and makes it
// start all the same, without the anchor. It returns 1 if all of that was so.
func cuttingPowerOnce(ctx context.Context, t *trial) int {
	wait(ctx, 3*time.Second)
	err := t.cutPower() //nolint:contextcheck // the disk is mounted again whatever ends
	broker := t.sys.parts["broker"]
	broker.up()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, t.name+":", err)
		return 0
	}
	refused := false
	for began := time.Now(); !refused && time.Since(began) < 10*time.Second; <-time.After(50 * time.Millisecond) {
		refused = tally{t.sys.dir}.count() > 0
	}
	if !refused {
		return 0
	}
	broker.down()
	if os.Remove(filepath.Join(t.sys.dir, "anchor.json")) != nil {
		return 0
	}
	broker.up()
	<-ctx.Done()
	return 1
}
