package samples

import (
	"archive/zip"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// structures are files whose frame is broken: header, cross-reference table,
// trailer.
func structures() []Kind {
	return []Kind{
		rewritten("garbage-after-eof", func(s string) string { return s + strings.Repeat("\x00garbage", 500) }, ends()),
		rewritten("garbage-before-header", func(s string) string { return strings.Repeat("x", 500) + "\n" + s }, ends(), unreadable()),
		fixed("header-alone", header, unreadable()),
		kind("hybrid-xref", hybrid, ends()),
		kind("incremental-update", func() []byte { return updated(deliveryNote(1).PDF(), 3, helvetica) }, ends()),
		kind("incremental-updates-1000", func() []byte {
			b := deliveryNote(1).PDF()
			for range 1000 {
				b = updated(b, 3, helvetica)
			}
			return b
		}, ends()),
		fixed("marker-alone", "%PDF-", unreadable()),
		rewritten("no-eof", func(s string) string { return strings.Replace(s, "%%EOF\n", "", 1) }, ends()),
		rewritten("no-startxref", func(s string) string { return s[:strings.Index(s, "startxref")] }, ends(), unreadable()),
		rewritten("no-trailer", func(s string) string { return s[:strings.Index(s, "trailer")] }, unreadable(), ends()),
		rewritten("no-xref", func(s string) string { return s[:strings.Index(s, "xref\n")] }, unreadable(), ends()),
		kind("pdf-and-html", func() []byte {
			return append([]byte("<!-- "), append(deliveryNote(1).PDF(), "--><html><script>alert(1)</script></html>"...)...)
		}, ends(), active()),
		kind("pdf-and-zip", func() []byte { return append(deliveryNote(1).PDF(), zipped("readme.txt", []byte("hello"))...) }, ends()),
		kind("pdf-twice", func() []byte { return append(deliveryNote(1).PDF(), deliveryNote(2).PDF()...) }, ends(), unreadable()),
		rewritten("size-huge", replace("/Size 7", "/Size 2147483647"), ends(), unreadable()),
		rewritten("size-negative", replace("/Size 7", "/Size -7"), ends(), unreadable()),
		rewritten("startxref-huge", startxref("99999999999999999999"), ends(), unreadable()),
		rewritten("startxref-negative", startxref("-1"), ends(), unreadable()),
		rewritten("startxref-off-by-four", startxref(""), ends(), unreadable()),
		rewritten("trailer-root-missing", replace("/Root 1 0 R", ""), unreadable(), ends()),
		rewritten("trailer-root-wrong", replace("/Root 1 0 R", "/Root 3 0 R"), unreadable(), ends()),
		rewritten("truncated-in-object", func(s string) string { return s[:strings.Index(s, "endobj")-5] }, unreadable()),
		rewritten("truncated-in-xref", func(s string) string { return s[:strings.Index(s, "xref\n")+60] }, unreadable(), ends()),
		rewritten("truncated-half", func(s string) string { return s[:len(s)/2] }, unreadable(), ends()),
		rewritten("xref-count-huge", replace("xref\n0 7", "xref\n0 4294967295"), ends(), unreadable()),
		rewritten("xref-offsets-wrong", func(s string) string {
			return regexp.MustCompile(`(?m)^\d{10} 00000 n`).ReplaceAllString(s, "0000000123 00000 n")
		}, ends(), unreadable()),
		rewritten("xref-prev-to-itself", func(s string) string {
			return strings.Replace(s, "/Size 7", fmt.Sprintf("/Size 7 /Prev %d", strings.Index(s, "xref\n")), 1)
		}, ends(), unreadable()),
		kind("xref-stream", packedNote, ends()),
		kind("xref-stream-width-huge", func() []byte {
			return bytes.Replace(packedNote(), []byte("/W [1 4 2]"), []byte("/W [1 2147483647 2147483647]"), 1)
		}, ends(), unreadable()),
	}
}

const helvetica = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"

func replace(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

// startxref changes where the cross-reference table is said to be; empty is
// four bytes too far.
func startxref(where string) func(string) string {
	return func(s string) string {
		at := strings.Index(s, "xref\n")
		if where == "" {
			where = strconv.Itoa(at + 4)
		}
		return strings.Replace(s, fmt.Sprintf("startxref\n%d\n", at), "startxref\n"+where+"\n", 1)
	}
}

// packedNote is a plain file most of whose objects lie in an object stream.
func packedNote() []byte {
	f := deliveryNote(1).file()
	f.packed = []int{1, 2, 3, 4, 6}
	return f.bytes()
}

// updated appends an update that gives one object another value (ISO 32000-2,
// 7.5.6).
func updated(pdf []byte, number int, value string) []byte {
	before := pdf[bytes.LastIndex(pdf, []byte("startxref\n"))+len("startxref\n"):]
	before = before[:bytes.IndexByte(before, '\n')]
	b := bytes.NewBuffer(bytes.Clone(pdf))
	at := b.Len()
	fmt.Fprintf(b, "%d 0 obj\n%s\nendobj\n", number, value)
	start := b.Len()
	fmt.Fprintf(b, "xref\n%d 1\n%010d 00000 n \ntrailer\n<< /Size 7 /Root 1 0 R /Prev %s >>\nstartxref\n%d\n%%%%EOF\n", number, at, before, start)
	return b.Bytes()
}

// hybrid is a file with a table for old readers and, named by XRefStm, a
// stream for new ones, which knows one object more (ISO 32000-2, 7.5.8.4).
func hybrid() []byte {
	f := deliveryNote(1).file()
	b := bytes.NewBufferString(header)
	offsets := f.writeObjects(b)
	pack := b.Len()
	f.writeObject(b, 7, stream("/Type /ObjStm /N 1 /First 4", []byte("9 0 << /Producer (hidden from old readers) >>")))
	at := b.Len()
	table := []byte{2, 0, 0, 0, 7, 0, 0}
	f.writeObject(b, 8, flated("/Type /XRef /Size 10 /W [1 4 2] /Index [9 1] /Root 1 0 R", table))
	start := b.Len()
	fmt.Fprintf(b, "xref\n0 9\n0000000000 65535 f \n")
	for _, o := range append(offsets, pack, at) {
		fmt.Fprintf(b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(b, "trailer\n<< /Size 10 /Root 1 0 R /Info 9 0 R /XRefStm %d >>\nstartxref\n%d\n%%%%EOF\n", at, start)
	return b.Bytes()
}

// zippedZeros returns a ZIP archive of one file of so many MiB of zeros.
func zippedZeros(name string, mib int) []byte {
	segment := make([]byte, 1<<20)
	sum := crc32.NewIEEE()
	for range mib {
		sum.Write(segment)
	}
	packed := repeated(segment, mib)
	packed = packed[2 : len(packed)-4] // of zlib's format the deflated part
	return archive(packed, func(z *zip.Writer) (io.Writer, error) {
		return z.CreateRaw(&zip.FileHeader{
			Name: name, Method: zip.Deflate, CRC32: sum.Sum32(),
			CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(mib) << 20, //nolint:gosec // not negative
		})
	})
}

// zipped returns a ZIP archive of one compressed file.
func zipped(name string, content []byte) []byte {
	return archive(content, func(z *zip.Writer) (io.Writer, error) { return z.Create(name) })
}

func archive(content []byte, create func(*zip.Writer) (io.Writer, error)) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := create(z)
	if err == nil {
		_, err = w.Write(content)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		panic("samples: packing into memory: " + err.Error()) // a buffer refuses nothing
	}
	return b.Bytes()
}
