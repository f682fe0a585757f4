package samples

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestCrossReferencesPointAtTheirObjects(t *testing.T) {
	long := Document{Title: "many pages", Pages: make([]string, 300), Files: []File{{Name: "a"}, {Name: "b"}}}
	for name, pdf := range map[string][]byte{
		"builtin": Builtin()[0].Content, "encrypted": Builtin()[4].Content, "long": long.PDF(), "empty": Document{}.PDF(),
		"updated": updated(deliveryNote(1).PDF(), 3, helvetica),
	} {
		tables := regexp.MustCompile(`xref\n(\d+) (\d+)\n((?:\d{10} \d{5} [nf] \n)+)trailer\n`).FindAllSubmatch(pdf, -1)
		if want := strings.Count(string(pdf), "startxref"); len(tables) != want {
			t.Errorf("%s: %d tables, want %d", name, len(tables), want)
		}
		for _, table := range tables {
			first, rows := number(t, table[1]), bytes.Split(bytes.TrimSpace(table[3]), []byte("\n"))
			if len(rows) != number(t, table[2]) {
				t.Errorf("%s: %d rows, want %s", name, len(rows), table[2])
			}
			for i, row := range rows {
				want := fmt.Sprintf("%d 0 obj\n", first+i)
				if row[17] == 'n' && !bytes.HasPrefix(pdf[number(t, row[:10]):], []byte(want)) {
					t.Errorf("%s: row %q does not point at %q", name, row, want)
				}
			}
		}
		for _, previous := range regexp.MustCompile(`/Prev (\d+) `).FindAllSubmatch(pdf, -1) {
			if at := number(t, previous[1]); !bytes.HasPrefix(pdf[at:], []byte("xref\n")) {
				t.Errorf("%s: /Prev points at %q", name, pdf[at:at+10])
			}
		}
		start := number(t, regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(pdf)[1])
		if !bytes.HasPrefix(pdf[start:], []byte("xref\n")) {
			t.Errorf("%s: startxref points at %q", name, pdf[start:start+10])
		}
	}
}

func number(t *testing.T, digits []byte) int {
	t.Helper()
	n, err := strconv.Atoi(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestStreamsAreAsLongAsTheySay(t *testing.T) {
	pdf := Builtin()[0].Content
	all := regexp.MustCompile(`<< /Length (\d+) [^\n]*>>\nstream\n`).FindAllSubmatchIndex(pdf, -1)
	if len(all) != 3 {
		t.Errorf("%d streams, want 3: metadata, page, invoice", len(all))
	}
	for _, m := range all {
		end := m[1] + number(t, pdf[m[2]:m[3]])
		if !bytes.HasPrefix(pdf[end:], []byte("\nendstream\nendobj\n")) {
			t.Errorf("a stream ends with %q", pdf[end:end+20])
		}
	}
}

func TestPackedObjectsAreWhereTheCrossReferenceStreamSays(t *testing.T) {
	pdf := packedNote()
	start := number(t, regexp.MustCompile(`startxref\n(\d+)\n%%EOF\n$`).FindSubmatch(pdf)[1])
	table := inflated(t, pdf[start:])
	pack := []byte(nil)
	for n := 0; n*7 < len(table); n++ {
		kind, second, third := table[n*7], int(binary.BigEndian.Uint32(table[n*7+1:])), int(binary.BigEndian.Uint16(table[n*7+5:]))
		switch kind {
		case 1:
			if want := fmt.Sprintf("%d 0 obj\n", n); !bytes.HasPrefix(pdf[second:], []byte(want)) {
				t.Errorf("object %d is not at %d", n, second)
			}
		case 2:
			if pack == nil {
				pack = inflated(t, pdf[bytes.Index(pdf, fmt.Appendf(nil, "%d 0 obj\n", second)):])
			}
			if index := strings.Fields(string(pack)); index[2*third] != strconv.Itoa(n) {
				t.Errorf("place %d of the object stream is that of object %s, want %d", third, index[2*third], n)
			}
		}
	}
	if len(table) != 9*7 || !bytes.Contains(pack, []byte("/Type /Catalog")) || bytes.Contains(pdf, []byte("/Catalog")) {
		t.Errorf("%d rows, want 9; object stream %q", len(table)/7, pack)
	}
}

// inflated returns the content of the first stream in pdf.
func inflated(t *testing.T, pdf []byte) []byte {
	t.Helper()
	r, err := zlib.NewReader(bytes.NewReader(pdf[bytes.Index(pdf, []byte("stream\n"))+7:]))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestTextsAndNamesAreWrittenAsTheStandardSays(t *testing.T) {
	for got, want := range map[string]string{
		text("A(b"):            "<412862>",
		text("ü€"):             "<FEFF00FC20AC>",
		text("\U0001F4C4"):     "<FEFFD83DDCC4>",
		name("text/xml"):       "text#2Fxml",
		name("a b#"):           "a#20b#23",
		escape(`(a\b)` + "\r"): `\(a\\b\)\r`,
		winAnsi("a€ü→"):        "a\x80\xfc?",
		ref(7):                 "7 0 R",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestFilesAreEmbeddedWithNameSizeAndRelationship(t *testing.T) {
	d := Document{Files: []File{{Name: "a.xml", MediaType: "text/xml", Relationship: "Data", Content: []byte("<a/>")}, {Name: "b"}}}
	pdf := string(d.PDF())
	if unsorted := string(Document{Files: []File{{Name: "b"}, {Name: "a"}}}.PDF()); !regexp.MustCompile(`/Names \[<61> \d+ 0 R <62> \d+ 0 R\]`).MatchString(unsorted) {
		t.Error("the name tree is not in order")
	}
	for _, want := range []string{
		"/AFRelationship /Data", "/AFRelationship /Unspecified", "/Subtype /text#2Fxml", "/Size 4 ", "/Names << /EmbeddedFiles << /Names [<612E786D6C> ",
		"/AF [", "/CheckSum <F019EE9A03978AFF9F9B78D0DDF3EDB7>",
	} {
		if !strings.Contains(pdf, want) {
			t.Errorf("the file does not hold %q", want)
		}
	}
}
