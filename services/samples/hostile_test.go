package samples

import (
	"bytes"
	"compress/lzw"
	"compress/zlib"
	"crypto/sha256"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestHostileHasKindsOfEveryTheme(t *testing.T) {
	seen := map[string]bool{}
	reasons := map[string]int{}
	for _, k := range Hostile() {
		if seen[k.Name] || !regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`).MatchString(k.Name) {
			t.Errorf("name %q is bad or is there twice", k.Name)
		}
		seen[k.Name] = true
		reasons[k.Want.Reason]++
		for _, w := range append(k.Also, k.Want) {
			if (w.State == Completed) != (w.Step == "" && w.Reason == "") {
				t.Errorf("%s: an end makes no sense: %+v", k.Name, w)
			}
		}
		if !k.Accepts(k.Want) || k.Accepts(Want{State: Rejected, Step: "records", Reason: "none"}) {
			t.Errorf("%s: Accepts is wrong", k.Name)
		}
	}
	if len(seen) < 60 {
		t.Errorf("%d kinds, want 60 at least", len(seen))
	}
	for _, r := range []string{"", "not-a-pdf", "active-content", "encrypted", "decompression-bomb", "malware", "unreadable", "timeout", "invoice-unreadable", "invoice-rules"} {
		if reasons[r] == 0 {
			t.Errorf("no kind is meant to end in %q", r)
		}
	}
}

func TestHostileIsTheSameEveryTimeAndSaysTruly(t *testing.T) {
	again := Hostile()
	for _, name := range large() {
		if !slices.ContainsFunc(again, func(k Kind) bool { return k.Name == name }) {
			t.Errorf("there is no kind %s", name)
		}
	}
	plain, invoice := deliveryNote(1).PDF(), EInvoice(Example())
	for i, k := range Hostile() {
		if k.Large && underRace {
			t.Logf("LEFT OUT under the race detector: %s is not made; run without -race", k.Name)
			continue
		}
		content := k.Content()
		if len(content) > 32<<20 {
			t.Errorf("%s: %d bytes, want 32 MiB at most", k.Name, len(content))
		}
		if len(content) > 1<<20 && !k.Large {
			t.Errorf("%s: %d bytes, and not called large", k.Name, len(content))
		}
		if !k.Large && sha256.Sum256(content) != sha256.Sum256(again[i].Content()) {
			t.Errorf("%s: two calls returned different bytes", k.Name)
		}
		head := content[:min(len(content), 1028)]
		if pdf := bytes.Contains(head, []byte("%PDF-")); pdf == (k.Want == notAPDF()) {
			t.Errorf("%s: header of a PDF in the first KiB: %v, want %+v", k.Name, pdf, k.Want)
		}
		if bytes.Equal(content, plain) || bytes.Equal(content, invoice) {
			t.Errorf("%s is the unchanged document", k.Name)
		}
	}
}

func TestChangesChangeWhatTheyClaim(t *testing.T) {
	kinds := map[string]Kind{}
	for _, k := range Hostile() {
		kinds[k.Name] = k
	}
	for name, want := range map[string]string{
		"js-escaped-name": "#4a#61#76#61", "startxref-negative": "startxref\n-1\n", "pages-count-huge": "/Count 2147483647",
		"pdf-and-zip": "PK\x05\x06", "hybrid-xref": "/XRefStm", "object-stream-count-huge": "/N 2147483647", "size-huge": "/Size 2147483647",
		"page-1e9-points": "1000000000 1000000000", "xref-stream-width-huge": "2147483647 2147483647", "length-negative": "/Length -5",
		"xref-prev-to-itself": "/Prev ", "encrypted-unknown-handler": "Acme.Rights", "page-infinite": "1e999", "xref-count-huge": "0 4294967295",
		"object-stream-in-itself": "/Extends 7 0 R", "trailer-root-wrong": "/Root 3 0 R", "forms-laugh": "/XObject << /X 7 0 R >>",
	} {
		if !bytes.Contains(kinds[name].Content(), []byte(want)) {
			t.Errorf("%s does not hold %q", name, want)
		}
	}
	for name, without := range map[string]string{
		"js-escaped-name": "/JavaScript", "js-object-stream": "/JavaScript", "js-encrypted-empty-password": "app.alert", "no-trailer": "trailer",
		"no-startxref": "startxref", "no-xref": "xref", "eicar-attached": "EICAR", "trailer-root-missing": "/Root", "eicar-hexadecimal": "EICAR",
	} {
		if bytes.Contains(kinds[name].Content(), []byte(without)) {
			t.Errorf("%s holds %q", name, without)
		}
	}
}

func TestBombsUnpackToWhatTheyClaim(t *testing.T) {
	segment := []byte(strings.Repeat("All work and no play. ", 500))
	r, err := zlib.NewReader(bytes.NewReader(repeated(segment, 40)))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r) // checks the Adler-32 at the end
	if err != nil || !bytes.Equal(got, bytes.Repeat(segment, 40)) {
		t.Errorf("%d bytes came out, want %d: %v", len(got), 40*len(segment), err)
	}
	if n, err := io.Copy(io.Discard, lzw.NewReader(bytes.NewReader(lzwed(make([]byte, 1<<20))), lzw.MSB, 8)); n != 1<<20 || err != nil {
		t.Errorf("LZW: %d bytes, %v", n, err)
	}
	if packed := repeated(make([]byte, 1<<20), 1024); len(packed) > 2<<20 {
		t.Errorf("1 GiB takes %d bytes", len(packed))
	}
}

func TestNoSourceFileLooksLikeTheVirusTest(t *testing.T) {
	if got := string(Eicar()); len(got) != 68 || !strings.HasPrefix(got, "X5O!P%@AP") || !strings.HasSuffix(got, "FILE!$H+H*") {
		t.Errorf("the test file is %q", got)
	}
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		if source, err := os.ReadFile(f); err != nil || bytes.Contains(source, Eicar()[30:60]) {
			t.Errorf("%s: holds the test string, or: %v", f, err)
		}
	}
}

func TestSeedsAreSmall(t *testing.T) {
	seeds := Seeds(10_000)
	if len(seeds) < 60 {
		t.Errorf("%d seeds, want 60 at least", len(seeds))
	}
	for _, s := range seeds {
		if len(s) > 10_000 {
			t.Errorf("a seed of %d bytes", len(s))
		}
	}
}
