package peer

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// tick is the unit of times in /proc/<pid>/stat, which Linux has fixed at 100
// a second for programs.
const tick = 10 * time.Millisecond

// A processStat is what is read of /proc/<pid>/stat.
type processStat struct {
	parent int
	used   time.Duration // processor time, of children that have ended too
}

func readStat(pid int) (processStat, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processStat{}, err
	}
	return parseStat(raw)
}

// parseStat reads the line; the name in parentheses may hold anything.
func parseStat(raw []byte) (processStat, error) {
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 15 {
		return processStat{}, fmt.Errorf("peer: stat of a process: %d fields", len(fields))
	}
	numbers := make([]int64, 0, 5)
	for _, i := range []int{1, 11, 12, 13, 14} { // parent, utime, stime and those of its ended children
		n, err := strconv.ParseInt(string(fields[i]), 10, 64)
		if err != nil {
			return processStat{}, fmt.Errorf("peer: stat of a process: %w", err)
		}
		numbers = append(numbers, n)
	}
	s := processStat{parent: int(numbers[0])}
	for _, n := range numbers[1:] {
		s.used += time.Duration(n) * tick
	}
	return s, nil
}

// family returns the processes that a server consists of: itself and its
// children.
func family(server int) []int {
	all := []int{server}
	paths, _ := filepath.Glob("/proc/[0-9]*") // the pattern is good
	for _, path := range paths {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil {
			continue
		}
		if stat, err := readStat(pid); err == nil && stat.parent == server { // else it has ended
			all = append(all, pid)
		}
	}
	return all
}

// used returns the processor time of this process and of the server's family.
func used(server int) time.Duration {
	var own syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &own) // cannot fail for SELF
	all := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	for _, pid := range family(server) {
		if stat, err := readStat(pid); err == nil {
			all += stat.used
		}
	}
	return all
}

// resident returns the memory of this process and of the server's family, each
// page that several share counted once.
func resident(server int) (float64, error) {
	own, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", os.Getpid()), "Rss:")
	if err != nil {
		return 0, err
	}
	for _, pid := range family(server) {
		if n, err := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:"); err == nil {
			own += n
		} else if pid == server {
			return 0, fmt.Errorf("peer: memory of PostgreSQL: %w", err)
		}
	}
	return own / 1024, nil
}

// kilobytes reads the named line of a file of /proc.
func kilobytes(path, name string) (float64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // read only
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) == 3 && fields[0] == name {
			return strconv.ParseFloat(fields[1], 64)
		}
	}
	return 0, fmt.Errorf("peer: no %s in %s", name, path)
}
