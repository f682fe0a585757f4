package samples

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// An object is an indirect object of a PDF file: any PDF value, or, where
// stream is not nil, a stream, whose dictionary then is "<< value ... >>".
type object struct {
	value  string
	stream []byte
	length string // of the stream, as its dictionary says; empty is what is true
}

// obj returns an object that is a plain value.
func obj(format string, args ...any) object {
	if len(args) == 0 {
		return object{value: format}
	}
	return object{value: fmt.Sprintf(format, args...)}
}

// stream returns an object that is a stream with these entries in its
// dictionary; Length is added when it is written.
func stream(entries string, data []byte) object {
	if data == nil {
		data = []byte{}
	}
	return object{value: entries, stream: data}
}

// flated returns an object that is a stream, compressed.
func flated(entries string, data []byte) object {
	return stream(strings.TrimSpace("/Filter /FlateDecode "+entries), deflate(data))
}

// A file is a PDF file being written.
type file struct {
	head    string   // the header; empty is "%PDF-1.7" and a comment of four high bytes
	objects []object // number 1, 2, ...
	trailer string   // entries of the trailer besides Size and Root
	crypt   *crypt   // nil is not encrypted
	packed  []int    // numbers of the objects that lie in an object stream, ascending
	plain   bool     // the object stream is not compressed
}

// add appends an object and returns its number.
func (f *file) add(o object) int {
	f.objects = append(f.objects, o)
	return len(f.objects)
}

const header = "%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"

// bytes returns the file, with a cross-reference table, or with a
// cross-reference stream if objects are packed.
func (f *file) bytes() []byte {
	b := bytes.NewBufferString(f.head)
	if f.head == "" {
		b.WriteString(header)
	}
	if len(f.packed) > 0 {
		f.writePacked(b)
		return b.Bytes()
	}
	offsets := f.writeObjects(b)
	start := b.Len()
	fmt.Fprintf(b, "xref\n0 %d\n0000000000 65535 f \n", len(f.objects)+1)
	for _, o := range offsets {
		fmt.Fprintf(b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(b, "trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", len(f.objects)+1, f.trailerEntries(), start)
	return b.Bytes()
}

// writeObjects writes every object that is not packed and returns where each
// begins.
func (f *file) writeObjects(b *bytes.Buffer) []int {
	offsets := make([]int, len(f.objects))
	packed := make(map[int]bool, len(f.packed))
	for _, n := range f.packed {
		packed[n] = true
	}
	for i, o := range f.objects {
		if !packed[i+1] {
			offsets[i] = b.Len()
			f.writeObject(b, i+1, o)
		}
	}
	return offsets
}

func (f *file) writeObject(b *bytes.Buffer, number int, o object) {
	value, data := o.value, o.stream
	if f.crypt != nil {
		value, data = f.crypt.object(number, o)
	}
	fmt.Fprintf(b, "%d 0 obj\n", number)
	if o.stream == nil {
		b.WriteString(value)
	} else {
		length := o.length
		if length == "" {
			length = strconv.Itoa(len(data))
		}
		fmt.Fprintf(b, "<< /Length %s %s >>\nstream\n", length, value)
		b.Write(data)
		b.WriteString("\nendstream")
	}
	b.WriteString("\nendobj\n")
}

// writePacked writes the objects, the packed ones in one object stream, and a
// cross-reference stream (ISO 32000-2, 7.5.7 and 7.5.8).
func (f *file) writePacked(b *bytes.Buffer) {
	var index, body strings.Builder
	for _, n := range f.packed {
		fmt.Fprintf(&index, "%d %d ", n, body.Len())
		body.WriteString(f.objects[n-1].value + "\n")
	}
	entries := fmt.Sprintf("/Type /ObjStm /N %d /First %d", len(f.packed), index.Len())
	data := []byte(index.String() + body.String())
	packs := stream(entries, data)
	if !f.plain {
		packs = flated(entries, data)
	}
	pack := f.add(packs)
	offsets := f.writeObjects(b)
	start := b.Len()
	table := xrefStream(offsets, f.packed, pack, start)
	size := len(f.objects) + 2
	x := flated(fmt.Sprintf("/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R %s", size, f.trailerEntries()), table)
	clear := file{}
	clear.writeObject(b, size-1, x) // a cross-reference stream is never encrypted
	fmt.Fprintf(b, "startxref\n%d\n%%%%EOF\n", start)
}

// xrefStream returns the rows of a cross-reference stream with fields of 1, 4
// and 2 bytes.
func xrefStream(offsets, packed []int, pack, own int) []byte {
	place := make(map[int]int, len(packed))
	for i, n := range packed {
		place[n] = i
	}
	row := func(table []byte, kind byte, second, third int) []byte {
		table = binary.BigEndian.AppendUint32(append(table, kind), uint32(second)) //nolint:gosec // files are far below 4 GiB
		return binary.BigEndian.AppendUint16(table, uint16(third))                 //nolint:gosec // at most 65,535 objects are packed
	}
	table := row(nil, 0, 0, 65535)
	for i, o := range offsets {
		if p, ok := place[i+1]; ok {
			table = row(table, 2, pack, p)
		} else {
			table = row(table, 1, o, 0)
		}
	}
	return row(table, 1, own, 0)
}

func (f *file) trailerEntries() string {
	if f.crypt == nil {
		return f.trailer
	}
	return f.trailer + " " + f.crypt.trailer()
}

// deflate returns data in zlib format, as the filter FlateDecode has it.
func deflate(data []byte) []byte {
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	if err == nil {
		_, err = w.Write(data)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic("samples: compressing into memory: " + err.Error()) // a buffer refuses nothing
	}
	return b.Bytes()
}

// text returns s as a PDF string in hexadecimal, in PDFDocEncoding if it is
// ASCII and in UTF-16 otherwise.
func text(s string) string {
	for _, r := range s {
		if r > 126 {
			return "<FEFF" + fmt.Sprintf("%X", utf16BE(s)) + ">"
		}
	}
	return fmt.Sprintf("<%X>", s)
}
