package pdfium

import (
	"fmt"

	"github.com/landlock-lsm/go-landlock/landlock"
	"golang.org/x/sys/unix"
)

// confine gives up what reading a PDF does not need, as far as the kernel
// lets it, and says what holds and what does not.
//
// Landlock: no file, no TCP, no abstract Unix socket, no signal to others.
// Limits: no core file, no file growth, and as much data (RLIMIT_DATA, which
// unlike RLIMIT_AS does not count what Go merely reserves) as the module may
// have three times over (the module, the file in and out, Go's own).
func confine(memoryPages uint32) (held, missing []string) {
	note := func(name string, err error) {
		if err != nil {
			missing = append(missing, fmt.Sprintf("%s: %v", name, err))
			return
		}
		held = append(held, name)
	}
	if memoryPages == 0 {
		memoryPages = DefaultMemoryPages
	}
	data := 2*uint64(memoryPages)<<16 + 1<<30
	note("core", unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}))
	note("file-size", unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{}))
	note("data", unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: data, Max: data}))
	version, err := landlockVersion()
	if err != nil {
		note("landlock", err)
		return held, missing
	}
	err = landlock.V11.BestEffort().Restrict()
	note(fmt.Sprintf("landlock-v%d", version), err)
	return held, missing
}

// landlockVersion asks the kernel which Landlock it has. BestEffort alone
// would say nothing if it has none.
func landlockVersion() (int, error) {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, errno
	}
	return int(version), nil
}
