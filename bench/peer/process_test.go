package peer

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestParseStatWhateverTheProcessIsCalled(t *testing.T) {
	s, err := parseStat([]byte("4711 (post) gres (x)) S 42 1 1 0 -1 4194560 5 0 0 0 7 3 11 2 20 0 1 0 1 1 1\n"))
	if want := (processStat{parent: 42, used: 230 * time.Millisecond}); err != nil || s != want {
		t.Errorf("got %+v, %v; want %+v", s, err, want)
	}
	for _, raw := range []string{"", "1 (x) S", "1 (x) S a b c d e f g h i j k l m n o"} {
		if s, err := parseStat([]byte(raw)); err == nil {
			t.Errorf("%q is read as %+v", raw, s)
		}
	}
}

func TestAServersFamilyIsItselfAndItsChildren(t *testing.T) {
	if got := family(os.Getppid()); !slices.Contains(got, os.Getpid()) || !slices.Contains(got, os.Getppid()) {
		t.Errorf("the family of process %d, of which this is %d: %v", os.Getppid(), os.Getpid(), got)
	}
	if got := family(os.Getpid()); slices.Contains(got, os.Getppid()) {
		t.Errorf("a parent is in its child's family: %v", got)
	}
}

func TestProcessorTimeAndMemoryOfAProcessThatIsNotThere(t *testing.T) {
	if _, err := resident(1 << 30); err == nil {
		t.Error("memory of a server that is not there is no error")
	}
	if used(1<<30) <= 0 {
		t.Error("this process has used no processor time")
	}
}
