package samples

import (
	"fmt"
	"strings"
)

// syntaxes are files whose objects are written wrongly or strangely.
func syntaxes() []Kind {
	deep := func(open, end string, n int) string { return strings.Repeat(open, n) + strings.Repeat(end, n) }
	return []Kind{
		changed("catalog-is-array", func(f *file) { f.objects[catalog].value = "[1 2 3]" }, unreadable()),
		changed("catalog-is-itself", func(f *file) { f.objects[catalog].value = "1 0 R" }, unreadable()),
		rewritten("cr-line-ends", func(s string) string { return strings.ReplaceAll(s, "endobj\n", "endobj\r") }, ends(), unreadable()),
		changed("duplicate-keys", func(f *file) { f.put(catalog, "/Pages 3 0 R /Pages 2 0 R") }, ends(), unreadable()),
		changed("length-indirect-to-itself", length("5 0 R"), ends(), unreadable()),
		changed("length-missing-object", length("4711 0 R"), ends(), unreadable()),
		changed("length-negative", length("-5"), ends(), unreadable()),
		changed("length-overflow", length("18446744073709551616"), ends(), unreadable()),
		changed("length-too-long", length("1000000"), ends(), unreadable()),
		changed("length-too-short", length("3"), ends(), unreadable()),
		changed("names-escaped", func(f *file) { f.objects[catalog].value = "<< /#54ype /Cat#61log /P#61ges 2 0 R >>" }, ends()),
		changed("nested-arrays-400k", func(f *file) { f.put(catalog, "/Deep "+deep("[", "]", 400_000)) }, ends(), strained()...),
		changed("nested-arrays-unclosed", func(f *file) { f.put(catalog, "/Deep "+deep("[", "", 400_000)) }, ends(), strained()...),
		changed("nested-dictionaries", func(f *file) { f.put(catalog, "/Deep "+deep("<</A ", ">>", 100_000)) }, ends(), strained()...),
		changed("nested-parentheses", func(f *file) { f.put(information, "/Deep ("+deep("(", ")", 400_000)+")") }, ends(), strained()...),
		changed("numbers-huge", func(f *file) {
			f.put(firstPage, "/Rotate 99999999999999999999 /UserUnit "+strings.Repeat("9", 400)+".0")
		}, ends(), unreadable()),
		changed("object-number-huge", func(f *file) { f.put(catalog, "/Far 2147483647 0 R /Farther 99999999999 65536 R") }, ends()),
		changed("references-in-a-ring", func(f *file) {
			f.objects[information].value = ref(f.add(obj("4 0 R")))
		}, ends(), unreadable()),
		changed("strings-unclosed", func(f *file) { f.objects[information].value = "<< /Title (no end" }, ends(), unreadable()),
		changed("stream-without-end", func(f *file) { f.objects[information].value = "<< /Length 10 >>\nstream\nabc" }, ends(), unreadable()),
		changed("trailer-loops", func(f *file) { f.trailer += " /Info 1 0 R /Info 2 0 R /Root 3 0 R /Root 1 0 R" }, ends(), unreadable()),
		changed("type-confusion", func(f *file) {
			f.put(catalog, "/Outlines (text) /AcroForm 7 /Names [1] /Metadata 2 0 R /ViewerPreferences /Name /PageLabels true")
		}, ends()),
		rewritten("white-space-10-mb", func(s string) string { return s[:len(header)] + strings.Repeat(" \r\n\t", 2_500_000) + s[len(header):] }, ends(), unreadable()),
	}
}

// length writes another length than the stream of the content has.
func length(value string) func(*file) {
	return func(f *file) { f.objects[content].length = value }
}

// trees are files whose objects refer to each other in circles or in great
// numbers.
func trees() []Kind {
	return []Kind{
		changed("fields-cycle", func(f *file) {
			n := f.add(obj("<< /T (a) /FT /Tx /V (v) /Kids [%d 0 R] /Parent %d 0 R >>", 7, 7))
			f.put(catalog, fmt.Sprintf("/AcroForm << /Fields [%s] >>", ref(n)))
		}, ends(), unreadable()),
		changed("names-cycle", func(f *file) {
			n := f.add(obj("<< /Kids [7 0 R 7 0 R] /Limits [(a) (z)] >>"))
			f.put(catalog, fmt.Sprintf("/Names << /EmbeddedFiles %s /Dests %s >>", ref(n), ref(n)))
		}, ends(), unreadable()),
		changed("outline-100k", func(f *file) {
			const n = 100_000
			f.put(catalog, "/Outlines 7 0 R")
			f.add(obj("<< /Type /Outlines /First 8 0 R /Last %d 0 R /Count %d >>", 7+n, n))
			for i := range n {
				f.add(obj("<< /Title (Chapter %d) /Parent 7 0 R /Next %d 0 R >>", i, 9+i))
			}
		}, ends(), strained()...),
		changed("outline-cycle", func(f *file) {
			f.put(catalog, "/Outlines 7 0 R")
			f.add(obj("<< /Type /Outlines /First 8 0 R /Last 8 0 R /Count 1 >>"))
			f.add(obj("<< /Title (round) /Parent 7 0 R /Next 8 0 R /First 8 0 R /Last 8 0 R >>"))
		}, ends(), unreadable()),
		changed("outline-deep", func(f *file) {
			const n = 50_000
			f.put(catalog, "/Outlines 7 0 R")
			for i := range n {
				f.add(obj("<< /Title (d) /First %d 0 R /Last %d 0 R >>", 8+i, 8+i))
			}
		}, ends(), strained()...),
		changed("pages-cycle", func(f *file) { f.objects[pageTree].value = "<< /Type /Pages /Count 1 /Kids [2 0 R] >>" }, unreadable(), ends()),
		changed("pages-cycle-long", func(f *file) {
			f.objects[pageTree].value = "<< /Type /Pages /Count 3 /Kids [6 0 R 7 0 R] >>"
			f.add(obj("<< /Type /Pages /Parent 2 0 R /Count 2 /Kids [8 0 R] >>"))
			f.add(obj("<< /Type /Pages /Parent 7 0 R /Count 2 /Kids [2 0 R 7 0 R] >>"))
		}, ends(), unreadable()),
		changed("pages-count-huge", func(f *file) { f.objects[pageTree].value = "<< /Type /Pages /Count 2147483647 /Kids [6 0 R] >>" }, ends(), strained()...),
		changed("pages-count-negative", func(f *file) { f.objects[pageTree].value = "<< /Type /Pages /Count -1 /Kids [6 0 R] >>" }, ends(), unreadable()),
		changed("pages-deep", func(f *file) {
			const n = 20_000
			f.objects[pageTree].value = "<< /Type /Pages /Count 1 /Kids [7 0 R] >>"
			for i := range n {
				f.add(obj("<< /Type /Pages /Count 1 /Kids [%d 0 R] >>", 8+i))
			}
			f.add(obj("<< /Type /Page /MediaBox [0 0 9 9] >>"))
		}, unreadable(), ends(), slow()),
		changed("pages-parent-cycle", func(f *file) { f.put(pageTree, "/Parent 6 0 R"); f.put(firstPage, "/Parent 6 0 R") }, ends(), unreadable(), slow()),
		changed("pages-none", func(f *file) { f.objects[pageTree].value = "<< /Type /Pages /Count 0 /Kids [] >>" }, unreadable(), ends()),
		changed("pages-100k", func(f *file) { manyPages(f, 100_000, false) }, tooMuch(), append(strained(), ends())...),
		changed("kids-300k", func(f *file) { manyPages(f, 300_000, true) }, tooMuch(), append(strained(), ends())...),
		changed("structure-cycle", func(f *file) {
			f.put(catalog, "/MarkInfo << /Marked true >> /StructTreeRoot 7 0 R")
			f.add(obj("<< /Type /StructTreeRoot /K [7 0 R 8 0 R] /ParentTree 7 0 R >>"))
			f.add(obj("<< /Type /StructElem /S /P /P 8 0 R /K [8 0 R] >>"))
		}, ends(), unreadable()),
	}
}

// manyPages gives the file n pages, or one page n times.
func manyPages(f *file, n int, same bool) {
	var kids strings.Builder
	for i := range n {
		number := 6
		if !same {
			number = 7 + i
			f.add(obj("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>"))
		}
		fmt.Fprintf(&kids, "%d 0 R ", number)
	}
	f.objects[pageTree].value = fmt.Sprintf("<< /Type /Pages /Count %d /Kids [%s] >>", n, kids.String())
}
