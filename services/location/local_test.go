package location

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/docsaga/docsaga/services/runner"
)

func TestFilesUnderTheRootsAreRead(t *testing.T) {
	dir, conf := root(t)
	second := t.TempDir()
	conf.Roots = append(conf.Roots, second)
	write(t, filepath.Join(dir, "sub dir", "Größe%1.pdf"), pdf)
	write(t, filepath.Join(second, "b.pdf"), pdf)
	if err := os.Symlink("a.pdf", filepath.Join(dir, "link.pdf")); err != nil {
		t.Fatal(err)
	}
	for location, name := range map[string]string{
		"a.pdf":                     "a.pdf",
		"./sub dir/../a.pdf":        "a.pdf",
		"link.pdf":                  "link.pdf",
		"b.pdf":                     "b.pdf", // in the second root
		filepath.Join(dir, "a.pdf"): "a.pdf",
		dir + "//sub dir/../a.pdf":  "a.pdf",
		"sub dir/Größe%1.pdf":       "Größe%1.pdf",
		"file://" + dir + "/a.pdf":  "a.pdf",
		"FILE:" + dir + "/a.pdf":    "a.pdf",
		"file://localhost" + dir + "/sub%20dir/Gr%C3%B6%C3%9Fe%251.pdf": "Größe%1.pdf",
		filepath.Join(second, "b.pdf"):                                  "b.pdf",
	} {
		out := wantStored(t, conf, Input{Location: location}, pdf)
		if out.Name != name || out.Source != SourceFile {
			t.Errorf("%s: name %q, source %q, want %q, file", location, out.Name, out.Source, name)
		}
	}
}

func TestNothingOutsideTheRootsIsRead(t *testing.T) {
	dir, conf := root(t)
	outside := filepath.Join(t.TempDir(), "secret.pdf")
	write(t, outside, pdf)
	sibling := dir + "-sibling"
	write(t, filepath.Join(sibling, "a.pdf"), pdf)
	t.Cleanup(func() { _ = os.RemoveAll(sibling) })
	for link, target := range map[string]string{
		"out.pdf": outside, "up.pdf": "../" + filepath.Base(sibling) + "/a.pdf", "outdir": filepath.Dir(outside), "loop.pdf": "loop.pdf",
		"dev.pdf": "/dev/zero",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, location := range []string{
		outside, "/etc/passwd", "../" + filepath.Base(sibling) + "/a.pdf", dir + "/../" + filepath.Base(sibling) + "/a.pdf",
		"file://" + outside, "file:///etc/passwd", "file://" + dir + "/%2e%2e/x.pdf", "..", "/", "file:///",
		"out.pdf", "up.pdf", "outdir/secret.pdf", "loop.pdf", "dev.pdf",
		"file://otherhost" + dir + "/a.pdf", "file://u:p@" + dir + "/a.pdf", "file:a.pdf", "file:", "file://" + dir + "/a.pdf?x", "file://" + dir + "/a.pdf#x",
		"file://" + dir + "/a%00.pdf", "file://%zz",
	} {
		wantRejected(t, conf, Input{Location: location}, ReasonNotAllowed)
	}
}

func TestWhatIsNoRegularFileIsNotOpened(t *testing.T) {
	dir, conf := root(t)
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo.pdf"), 0o600); err != nil {
		t.Fatal(err)
	}
	socket, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close() //nolint:errcheck // it was only there to be looked at
	write(t, filepath.Join(dir, "dir.pdf", "x"), "")
	for location, what := range map[string]string{"fifo.pdf": "named pipe", "s": "socket", "dir.pdf": "directory", ".": "directory", dir: "directory"} {
		if m := wantRejected(t, conf, Input{Location: location}, ReasonNotAllowed); !strings.Contains(m, what) {
			t.Errorf("%s: %q, want it to say %s", location, m, what)
		}
	}
	if os.Getuid() == 0 {
		if err := syscall.Mknod(filepath.Join(dir, "null.pdf"), syscall.S_IFCHR|0o600, 1<<8|3); err == nil {
			wantRejected(t, conf, Input{Location: "null.pdf"}, ReasonNotAllowed)
		}
	}
}

func TestAFileThatIsNotThereIsNotFound(t *testing.T) {
	dir, conf := root(t)
	for _, location := range []string{"none.pdf", filepath.Join(dir, "none.pdf"), "a.pdf/b.pdf", "no/such/dir.pdf", strings.Repeat("n", 300) + ".pdf"} {
		if m := wantRejected(t, conf, Input{Location: location}, ReasonNotFound); strings.Contains(m, "none") {
			t.Errorf("the message %q tells the path", m)
		}
	}
}

func TestAFileThatMayNotBeReadIsNotAllowed(t *testing.T) {
	if err := localError(&os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}); !isNotAllowed(err) {
		t.Errorf("EACCES: %v", err)
	}
	if err := localError(&os.PathError{Op: "read", Path: "secret name", Err: syscall.EIO}); err == nil || isNotAllowed(err) || strings.Contains(err.Error(), "secret") {
		t.Errorf("EIO: %v, want an error without the path", err)
	}
}

func isNotAllowed(err error) bool {
	r, ok := runner.AsRejection(err)
	return ok && r.Code == ReasonNotAllowed
}

func TestARootThatWentAwayIsTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mount")
	write(t, filepath.Join(dir, "a.pdf"), pdf)
	files := newMemory()
	h, err := New(Config{Roots: []string{dir}}, files)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	_, err = h.Do(t.Context(), visit(t, Input{Location: "a.pdf"}))
	if _, ok := runner.AsRejection(err); ok || err == nil {
		t.Errorf("error %v, want one that is tried again", err)
	}
}
