package logtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/events"
)

func definitionStays(t *testing.T, l Log) {
	ctx := t.Context()
	if _, err := l.Definition(ctx, "flow", 1); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("an unknown definition: %v, want %v", err, events.ErrNotFound)
	}
	if refs, err := l.Definitions.Definitions(ctx); err != nil || len(refs) != 0 {
		t.Errorf("definitions of an empty log: %v, %v", refs, err)
	}
	for _, put := range []struct {
		name    string
		version int
		source  string
		want    error
	}{
		{"flow", 1, "<a/>", nil},
		{"flow", 1, "<a/>", nil},
		{"flow", 1, "<b/>", events.ErrConflict},
		{"flow", 10, "<b/>", nil},
		{"flow", 2, "<b/>", nil},
		{"a-flow", 1, "<b/>", nil},
		{"fl.ow", 1, "<b/>", events.ErrBadID},
		{"flow", 0, "<b/>", events.ErrBadID},
	} {
		if err := l.PutDefinition(ctx, put.name, put.version, []byte(put.source)); !errors.Is(err, put.want) {
			t.Errorf("put %v: %v", put, err)
		}
	}
	if source, err := l.Definition(ctx, "flow", 1); err != nil || string(source) != "<a/>" {
		t.Errorf("definition: %s, %v", source, err)
	}
	first, err := l.Deployed(ctx, "flow", 1)
	if age := time.Since(first); err != nil || age < 0 || age > patience {
		t.Errorf("deployed %v ago, %v", age, err)
	}
	if later, err := l.Deployed(ctx, "flow", 2); err != nil || later.Before(first) {
		t.Errorf("version 2 was deployed at %v, version 1 at %v, %v", later, first, err)
	}
	if _, err := l.Deployed(ctx, "flow", 3); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("when what is not there was deployed: %v", err)
	}
	refs, err := l.Definitions.Definitions(ctx)
	want := []events.DefinitionRef{{Name: "a-flow", Version: 1}, {Name: "flow", Version: 1}, {Name: "flow", Version: 2}, {Name: "flow", Version: 10}}
	if diff := cmp.Diff(want, refs); err != nil || diff != "" {
		t.Errorf("definitions: %v\n%s", err, diff)
	}
}

func watchDefinitions(t *testing.T, l Log) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	put := func(version int) {
		if err := l.PutDefinition(ctx, "flow", version, []byte("<a/>")); err != nil {
			t.Fatal(err)
		}
	}
	put(1)
	put(2)
	seen := 0
	for ref, err := range l.WatchDefinitions(ctx) {
		seen++
		if err != nil || ref != (events.DefinitionRef{Name: "flow", Version: seen}) {
			t.Fatalf("definition %d: %v, %v", seen, ref, err)
		}
		if seen == 4 {
			return
		}
		if seen >= 2 {
			put(seen + 1)
		}
	}
	t.Errorf("%d definitions were seen", seen)
}

func content(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n)})
	_, _ = r.Read(data) // never fails
	return data
}

func get(ctx context.Context, l Log, document events.DocumentID, file events.File) ([]byte, error) {
	r, err := l.Files.Open(ctx, document, file)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func files(t *testing.T, l Log) {
	const chunk = 256 << 10
	for _, n := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk + 17} {
		data := content(n)
		file, err := l.Files.Put(t.Context(), "a", "step", "application/pdf", iotest.HalfReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatalf("put %d bytes: %v", n, err)
		}
		sum := sha256.Sum256(data)
		if want := (events.File{Ref: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(n), MediaType: "application/pdf"}); file != want {
			t.Errorf("put %d bytes: %v, want %v", n, file, want)
		}
		if got, err := get(t.Context(), l, "a", file); err != nil || !bytes.Equal(got, data) {
			t.Errorf("open %d bytes: %d bytes, %v", n, len(got), err)
		}
		again, err := l.Files.Put(t.Context(), "a", "step", "application/pdf", bytes.NewReader(data))
		if err != nil || again != file {
			t.Errorf("put %d bytes again: %v, %v", n, again, err)
		}
		if got, err := get(t.Context(), l, "a", file); err != nil || !bytes.Equal(got, data) {
			t.Errorf("open %d bytes put again: %d bytes, %v", n, len(got), err)
		}
	}
	if _, err := l.Files.Put(t.Context(), "_coordinator", "shard-0", "application/json", bytes.NewReader(content(10))); err != nil {
		t.Errorf("put for an id that begins with _: %v", err)
	}
	for _, id := range []string{"", "a.b", "*", ">"} {
		if _, err := l.Files.Put(t.Context(), events.DocumentID(id), "step", "", bytes.NewReader(nil)); !errors.Is(err, events.ErrBadID) {
			t.Errorf("put for document %q: %v, want %v", id, err, events.ErrBadID)
		}
		if err := l.Files.Release(t.Context(), "a", events.StepID(id)); !errors.Is(err, events.ErrBadID) {
			t.Errorf("release of step %q: %v, want %v", id, err, events.ErrBadID)
		}
		if err := l.Files.Erase(t.Context(), events.DocumentID(id)); !errors.Is(err, events.ErrBadID) {
			t.Errorf("erase of %q: %v, want %v", id, err, events.ErrBadID)
		}
	}
}

func release(t *testing.T, l Log) {
	ctx := t.Context()
	data, other := content(300<<10), content(5)
	put := func(document events.DocumentID, step events.StepID, data []byte) events.File {
		file, err := l.Files.Put(ctx, document, step, "", bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	last := func(want events.File) {
		t.Helper()
		got, err := l.Files.Last(ctx, "a", "one")
		if got != want || (want == events.File{}) != errors.Is(err, events.ErrNotFound) {
			t.Errorf("last file: %v, %v, want %v", got, err, want)
		}
	}
	last(events.File{})
	put("a", "one", other)
	file := put("a", "one", data)
	kept := put("a", "two", other)
	put("b", "one", data)
	last(file)
	for range 2 {
		if err := l.Files.Release(ctx, "a", "one"); err != nil {
			t.Fatal(err)
		}
	}
	last(events.File{})
	if _, err := get(ctx, l, "a", file); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("open of a released file: %v, want %v", err, events.ErrNotFound)
	}
	if got, err := get(ctx, l, "a", kept); err != nil || !bytes.Equal(got, other) {
		t.Errorf("open of another step's file: %v", err)
	}
	if got, err := get(ctx, l, "b", file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("open of another document's file: %v", err)
	}
	put("a", "one", data)
	if got, err := get(ctx, l, "a", file); err != nil || !bytes.Equal(got, data) {
		t.Errorf("open of a file put after its release: %v", err)
	}
	for range 2 {
		if err := l.Files.Erase(ctx, "a"); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []events.File{file, kept} {
		if _, err := get(ctx, l, "a", f); !errors.Is(err, events.ErrNotFound) {
			t.Errorf("open of an erased file: %v, want %v", err, events.ErrNotFound)
		}
	}
}

func brokenFile(t *testing.T, l Log) {
	broken := errors.New("broken")
	data := content(600 << 10)
	r := io.MultiReader(bytes.NewReader(data), iotest.ErrReader(broken))
	if _, err := l.Files.Put(t.Context(), "a", "step", "", r); !errors.Is(err, broken) {
		t.Errorf("put of a broken reader: %v, want %v", err, broken)
	}
	sum := sha256.Sum256(data)
	if _, err := get(t.Context(), l, "a", events.File{Ref: "sha256:" + hex.EncodeToString(sum[:])}); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("open of it: %v, want %v", err, events.ErrNotFound)
	}
	if _, err := l.Files.Open(t.Context(), "a", events.File{Ref: "sha256:x"}); err == nil || errors.Is(err, events.ErrNotFound) {
		t.Errorf("open of a reference that is none: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Files.Put(ctx, "a", "step", "", bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("put with an ended context: %v, want %v", err, context.Canceled)
	}
}

func sameFile(t *testing.T, l Log) {
	data := content(300 << 10)
	var wg sync.WaitGroup
	refs := make([]events.File, 8)
	for i := range refs {
		wg.Go(func() {
			var err error
			if refs[i], err = l.Files.Put(t.Context(), "a", "step", "", bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, file := range refs {
		if got, err := get(t.Context(), l, "a", file); err != nil || !bytes.Equal(got, data) || file != refs[0] {
			t.Errorf("open: %d bytes, %v", len(got), err)
		}
	}
}

func fileOfDocument(t *testing.T, l Log) {
	file, err := l.Files.Put(t.Context(), "a", "step", "", bytes.NewReader(content(5)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := get(t.Context(), l, "b", file); !errors.Is(err, events.ErrNotFound) {
		t.Errorf("open of another document's file: %v, want %v", err, events.ErrNotFound)
	}
}
