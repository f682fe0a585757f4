package samples

import (
	"bytes"
	"compress/flate"
	"compress/lzw"
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"strings"
)

// sizes are pages of impossible sizes.
func sizes() []Kind {
	box := func(name, media string, want Want, also ...Want) Kind {
		return rewritten(name, replace("[0 0 595 842]", media), want, also...)
	}
	return []Kind{
		box("page-1e9-points", "[0 0 1000000000 1000000000]", ends(), strained()...),
		box("page-empty-box", "[0 0 0 0]", ends(), unreadable()),
		box("page-infinite", "[0 0 1e999 99999999999999999999999999999999999999999999]", ends(), strained()...),
		box("page-negative", "[0 0 -595 -842]", ends(), unreadable()),
		box("page-needle", "[0 0 0.001 14400]", ends(), strained()...),
		box("page-no-box", "null", ends(), unreadable()),
		changed("page-user-unit", func(f *file) { f.put(firstPage, "/UserUnit 1000000000") }, ends(), strained()...),
		changed("page-annotations-100k", func(f *file) {
			f.put(firstPage, "/Annots ["+strings.Repeat("<< /Subtype /Text /Rect [0 0 9 9] /Contents (n) >> ", 100_000)+"]")
		}, ends(), strained()...),
	}
}

// contents are pages that are hard to draw or to read.
func contents() []Kind {
	draws := func(name, operators string, want Want, also ...Want) Kind {
		return changed(name, func(f *file) { f.objects[content] = flated("", []byte(operators)) }, want, also...)
	}
	return []Kind{
		changed("forms-in-a-ring", func(f *file) { forms(f, 2, 1, true) }, ends(), strained()...),
		changed("forms-nested-1000", func(f *file) { forms(f, 1000, 1, false) }, ends(), strained()...),
		changed("forms-laugh", func(f *file) { forms(f, 12, 10, false) }, slow(), append(strained(), ends())...),
		draws("graphics-states-unbalanced", strings.Repeat("q ", 1_000_000), ends(), strained()...),
		changed("image-huge", func(f *file) {
			f.add(stream("/Type /XObject /Subtype /Image /Width 100000 /Height 100000 /BitsPerComponent 8 /ColorSpace /DeviceRGB /Filter /FlateDecode", deflate(make([]byte, 1000))))
			f.resources("/XObject << /I 7 0 R >>")
			f.objects[content] = flated("", []byte("600 0 0 800 0 0 cm /I Do"))
		}, ends(), strained()...),
		draws("inline-image-unclosed", "BI /W 100 /H 100 /BPC 8 /CS /RGB ID "+strings.Repeat("\x01", 5000), ends(), unreadable()),
		changed("pattern-in-itself", func(f *file) {
			f.add(flated("/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 9 9] /XStep 1 /YStep 1 /Resources << /Pattern << /P 7 0 R >> >>", []byte("/Pattern cs /P scn 0 0 9 9 re f")))
			f.resources("/Pattern << /P 7 0 R >>")
			f.objects[content] = flated("", []byte("/Pattern cs /P scn 0 0 500 800 re f"))
		}, ends(), strained()...),
		changed("soft-mask-in-itself", func(f *file) {
			f.add(flated("/Type /XObject /Subtype /Form /BBox [0 0 500 800] /Group << /S /Transparency >> /Resources << /ExtGState << /G 8 0 R >> >>", []byte("/G gs 0 0 500 800 re f")))
			f.add(obj("<< /Type /ExtGState /SMask << /S /Luminosity /G 7 0 R >> >>"))
			f.resources("/ExtGState << /G 8 0 R >>")
			f.objects[content] = flated("", []byte("/G gs 0 0 500 800 re f"))
		}, ends(), strained()...),
		changed("text-100-mb", func(f *file) {
			line := "(" + strings.Repeat("All work and no play. ", 50) + ") Tj T*\n"
			f.objects[content] = stream("/Filter /FlateDecode", repeated([]byte("BT /F1 1 Tf 1 TL 0 800 Td\n"+strings.Repeat(line, 100)+"ET\n"), 100<<20/(len(line)*100)))
		}, bomb(), append(strained(), ends())...),
		changed("text-map-bomb", func(f *file) {
			cmap := "/CIDInit /ProcSet findresource begin begincmap 1 begincodespacerange <00> <FF> endcodespacerange\n" +
				strings.Repeat("1 beginbfrange <00> <FF> <"+strings.Repeat("0041", 120)+"> endbfrange\n", 5000) + "endcmap end"
			f.objects[font].value = fmt.Sprintf("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode %s >>", ref(f.add(flated("", []byte(cmap)))))
		}, ends(), strained()...),
		changed("type-3-font-in-itself", func(f *file) {
			f.objects[font].value = "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 0 /LastChar 255 /Widths [1] " +
				"/Encoding << /Differences [32 /a /b /c 68 /a /a /a] >> /CharProcs << /a 7 0 R /b 7 0 R >> /Resources << /Font << /F1 3 0 R >> >> >>"
			f.add(flated("", []byte("9 0 d0 BT /F1 9 Tf (DDDD) Tj ET")))
		}, ends(), strained()...),
	}
}

// forms adds a chain of forms, each of which draws the next so many times; in a
// ring the last one draws the first.
func forms(f *file, n, times int, ring bool) {
	for i := range n {
		next := 8 + i
		if i == n-1 && ring {
			next = 7
		}
		f.add(flated(fmt.Sprintf("/Type /XObject /Subtype /Form /BBox [0 0 600 900] /Resources << /XObject << /X %d 0 R >> >>", next), []byte(strings.Repeat("/X Do ", times))))
	}
	f.add(flated("/Type /XObject /Subtype /Form /BBox [0 0 600 900]", []byte("0 0 9 9 re f")))
	f.resources("/XObject << /X 7 0 R >>")
	f.objects[content] = flated("", []byte("/X Do"))
}

// resources gives the first page other resources.
func (f *file) resources(entries string) {
	page := &f.objects[firstPage].value
	*page = strings.Replace(*page, "/Resources << /Font << /F1 3 0 R >> >>", "/Resources << "+entries+" >>", 1)
}

// bombs are small files that unpack to large ones.
func bombs() []Kind {
	page := func(name, entries string, data func() []byte) Kind {
		return changed(name, func(f *file) { f.objects[content] = stream(entries, data()) }, bomb(), strained()...)
	}
	zeros := func(mib int) func() []byte { return func() []byte { return repeated(make([]byte, 1<<20), mib) } }
	return []Kind{
		kind("attachment-bomb", func() []byte {
			f := deliveryNote(1).file()
			n := f.add(stream("/Type /EmbeddedFile /Filter /FlateDecode", zeros(2048)()))
			f.put(catalog, fmt.Sprintf("/Names << /EmbeddedFiles << /Names [(a.bin) << /Type /Filespec /F (a.bin) /EF << /F %s >> >>] >> >>", ref(n)))
			return f.bytes()
		}, bomb()),
		page("ascii-hex-chain-100", "/Filter ["+strings.Repeat("/ASCIIHexDecode ", 100)+"]", func() []byte { return bytes.Repeat([]byte("30"), 10_000) }).or(ends()),
		page("flate-bomb", "/Filter /FlateDecode", zeros(1024)),
		page("flate-bomb-10-gib", "/Filter /FlateDecode", zeros(10_240)),
		page("flate-bomb-abbreviated", "/Filter /Fl", zeros(1024)),
		page("flate-bomb-escaped", "/Filter /Fl#61teDec#6fde", zeros(1024)),
		page("flate-chain-2", "/Filter [/FlateDecode /FlateDecode]", func() []byte { return deflate(zeros(4096)()) }),
		page("flate-chain-20", "/Filter ["+strings.Repeat("/FlateDecode ", 20)+"]", func() []byte {
			data := zeros(1024)()
			for range 19 {
				data = deflate(data)
			}
			return data
		}),
		page("flate-predictor", "/Filter /FlateDecode /DecodeParms << /Predictor 12 /Columns 2147483647 /Colors 4 /BitsPerComponent 16 >>", zeros(512)),
		changed("flate-many-medium", func(f *file) {
			data := zeros(32)()
			var refs []string
			for range 40 {
				refs = append(refs, ref(f.add(stream("/Filter /FlateDecode", data))))
			}
			f.put(firstPage, "/Contents ["+strings.Join(refs, " ")+"]")
		}, bomb(), strained()...),
		page("lzw-bomb", "/Filter /LZWDecode /DecodeParms << /EarlyChange 0 >>", func() []byte { return lzwed(make([]byte, 72<<20)) }),
		kind("object-stream-bomb", func() []byte {
			f := deliveryNote(1).file()
			f.add(stream("/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode", zeros(1024)()))
			return f.bytes()
		}, bomb(), ends()),
		kind("object-stream-count-huge", func() []byte {
			return bytes.Replace(packedPlain(), []byte("/N 5"), []byte("/N 2147483647"), 1)
		}, unreadable(), ends(), bomb()),
		kind("object-stream-in-itself", func() []byte {
			return bytes.Replace(packedPlain(), []byte("/N 5"), []byte("/N 5 /Extends 7 0 R"), 1)
		}, ends(), unreadable()),
		changed("objects-500k", func(f *file) {
			for range 500_000 {
				f.add(obj("null"))
			}
		}, ends(), strained()...),
		page("run-length-bomb", "/Filter [/FlateDecode /RunLengthDecode]", func() []byte { return repeated(bytes.Repeat([]byte{129, 0}, 1<<19), 8) }),
		kind("xref-stream-bomb", func() []byte {
			f := file{}
			b := bytes.NewBufferString(header)
			start := b.Len()
			f.writeObject(b, 1, stream("/Type /XRef /Size 100000000 /W [1 4 2] /Root 1 0 R /Filter /FlateDecode", zeros(700)()))
			fmt.Fprintf(b, "startxref\n%d\n%%%%EOF\n", start)
			return b.Bytes()
		}, bomb(), strained()...),
	}
}

// or adds an end that is right as well.
func (k Kind) or(also Want) Kind {
	k.Also = append(k.Also, also)
	return k
}

func packedPlain() []byte {
	f := deliveryNote(1).file()
	f.packed, f.plain = []int{1, 2, 3, 4, 6}, true
	return f.bytes()
}

// repeated returns, in zlib format, a segment so many times over. The work and
// the memory are those of one segment: what a segment is compressed to refers
// to nothing before it, so it can be said again (RFC 1950, RFC 1951).
func repeated(segment []byte, times int) []byte {
	var block bytes.Buffer
	w, err := flate.NewWriter(&block, flate.BestCompression)
	if err == nil {
		_, err = w.Write(segment)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		panic("samples: compressing into memory: " + err.Error()) // a buffer refuses nothing
	}
	out := append([]byte{0x78, 0xda}, bytes.Repeat(block.Bytes(), times)...)
	out = append(out, 3, 0) // a last block of nothing
	return binary.BigEndian.AppendUint32(out, adlerOf(segment, times))
}

// adlerOf returns the Adler-32 of a segment so many times over. With a the sum
// of the bytes and b the sum of the sums of one segment of n bytes, each
// repetition adds n times the a before it, and b, to the second sum.
func adlerOf(segment []byte, times int) uint32 {
	const mod = 65521
	one := adler32.Checksum(segment)
	n := uint64(len(segment)) % mod
	sum := (uint64(one&0xffff) + mod - 1) % mod   // of the bytes alone
	sums := (uint64(one>>16) + mod*mod - n) % mod // beginning from 0
	a, b := uint64(1), uint64(0)
	for range times {
		b = (b + n*a + sums) % mod
		a = (a + sum) % mod
	}
	return uint32(b<<16 | a) //nolint:gosec // both are below 65521
}

// lzwed compresses as the filter LZWDecode with EarlyChange 0 has it.
func lzwed(data []byte) []byte {
	var b bytes.Buffer
	w := lzw.NewWriter(&b, lzw.MSB, 8)
	_, err := w.Write(data)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("samples: compressing into memory: " + err.Error()) // a buffer refuses nothing
	}
	return b.Bytes()
}
