package scan_test

import (
	"archive/zip"
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/services/security/scan"
)

// pdf returns a file of the objects given, numbered from 1, without a
// cross-reference table.
func pdf(objects ...string) []byte {
	var out strings.Builder
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	for i, object := range objects {
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	out.WriteString("trailer\n<</Root 1 0 R>>\nstartxref\n0\n%%EOF\n")
	return []byte(out.String())
}

func stream(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

func deflate(data string) string {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write([]byte(data)) // into memory
	_ = w.Close()
	return out.String()
}

// kinds returns the kinds found, but for those that are about the form only.
func kinds(r scan.Result) []scan.Kind {
	var all []scan.Kind
	for _, f := range r.Findings {
		if f.Kind != scan.ObjStm && !slices.Contains(all, f.Kind) {
			all = append(all, f.Kind)
		}
	}
	return all
}

func TestScanFindsNamesInAnySpelling(t *testing.T) {
	for _, spelling := range []string{
		"<</S/JavaScript/JS(x)>>", "<</S /JavaScript /JS (x)>>", "<</S/#4aavaScript/J#53(x)>>",
		"<</S/#4A#61#76#61#53#63#72#69#70#74/#4a#53 7 0 R>>", "<</A[<</B<</C<</D[[[<</S/JavaScript/JS(x)>>]]]>>>>>>]>>",
		"<</S%comment\n/JavaScript\r/JS\x00(x)>>", "<</Text(a \\) /URI \\( b)/S/JavaScript/JS(x)>>",
		"<</Broken <zz> /S/JavaScript/JS(x)", "]]>> <</S/JavaScript/JS(x)>>", "[1 2 3 (]) /S/JavaScript/JS]",
	} {
		got := kinds(scan.Scan(pdf(spelling), scan.Limits{}))
		if diff := cmp.Diff([]scan.Kind{scan.JavaScript, scan.JS}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", spelling, diff)
		}
	}
}

func TestScanTakesNoTextForNames(t *testing.T) {
	for name, object := range map[string]string{
		"a string":               "<</Title(How to write /JavaScript and /JS actions, or /Launch)>>",
		"nested parentheses":     "<</Title(a (b /JS) /XFA c)>>",
		"an escaped parenthesis": `<</Title(a \) /JS )>>`,
		"a hexadecimal string":   "<</Title<2F4A53>>>",
		"a comment":              "<</A 1 % /JavaScript /JS\n>>",
		"a longer name":          "<</JSX/JavaScripting/XFAs/Launcher>>",
		"a name in another case": "<</javascript/js>>",
		"a content stream":       stream("", "BT (/JS) Tj /JavaScript Do ET"),
		"a compressed stream":    stream("/Filter/FlateDecode", deflate("/JavaScript /JS /Launch")),
	} {
		if got := kinds(scan.Scan(pdf(object), scan.Limits{})); len(got) != 0 {
			t.Errorf("%s: found %v, want nothing", name, got)
		}
	}
}

func TestScanFindsObjectsInHidingPlaces(t *testing.T) {
	const script = "9 0 obj <</S/JavaScript/JS(x)>> endobj"
	head := "%PDF-1.7\n"
	at := func(before string) string { // a table entry for the script after before
		return fmt.Sprintf("\nxref\n9 1\n%010d 00000 n \ntrailer <<>>", len(head+before))
	}
	for name, body := range map[string]string{
		"an unbalanced string":           "1 0 obj (never closed endobj " + script,
		"a string that holds objects":    "1 0 obj (" + script + ") endobj",
		"a comment that is referred to":  "%" + script + at("%"),
		"a stream that is referred to":   "1 0 obj <<>> stream\n" + script + "\nendstream endobj" + at("1 0 obj <<>> stream\n"),
		"a stream without an end":        "1 0 obj <<>> stream\n " + script,
		"a stream with a length too big": "1 0 obj <</Length 9999>> stream\nabc\nendstream endobj " + script,
		"no space before obj":            "9 0 obj<</S/JavaScript/JS(x)>>endobj",
		"an older revision":              script + " 9 0 obj <</Nothing 1>> endobj",
		"the trailer":                    "trailer <</Root<</OpenIt<</S/JavaScript/JS(x)>>>>>>",
		"after the end of the file":      "%%EOF\n" + script,
	} {
		got := scan.Scan([]byte(head+body), scan.Limits{})
		if !got.Has(scan.JavaScript) || !got.Has(scan.JS) {
			t.Errorf("%s: found %v, want the script", name, got.Findings)
		}
	}
}

func TestScanFindsWhatAReferenceStreamPointsAt(t *testing.T) {
	body := "%PDF-1.7\n1 0 obj <<>> stream\n"
	offset := len(body)
	body += "9 0 obj <</S/JavaScript/JS(x)>> endobj\nendstream endobj\n"
	entry := string([]byte{1, byte(offset >> 8), byte(offset), 0})
	up := "\x02" + entry // the PNG predictor "up", over zeros
	for name, table := range map[string]string{
		"plain":     stream("/Type/XRef/W[1 2 1]", entry),
		"predicted": stream("/Type/XRef/W[1 2 1]/Filter/FlateDecode/DecodeParms<</Predictor 12/Columns 4>>", deflate(up)),
	} {
		if got := scan.Scan([]byte(body+"2 0 obj "+table+" endobj"), scan.Limits{}); !got.Has(scan.JavaScript) {
			t.Errorf("%s: found %v, want the script", name, got.Findings)
		}
	}
}

// encodings are all ways in which a filter can hide an object stream.
func encodings(data string) map[string]string {
	var a85 bytes.Buffer
	w := ascii85.NewEncoder(&a85)
	_, _ = w.Write([]byte(data)) // into memory
	_ = w.Close()
	var runs strings.Builder
	for rest := data; rest != ""; {
		n := min(len(rest), 128)
		runs.WriteString(string(rune(n-1)) + rest[:n])
		rest = rest[n:]
	}
	padding := strings.Repeat("/Junk 1", 5000)
	return map[string]string{
		"none":                 stream("/Type/ObjStm/N 1/First 4", data),
		"flate":                stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", deflate(data)),
		"flate, abbreviated":   stream("/Type/ObjStm/N 1/First 4/Filter[/Fl]", deflate(data)),
		"flate, escaped names": stream("/Type/Obj#53tm/N 1/First 4/Filter/Flate#44ecode", deflate(data)),
		"flate, no header":     stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", deflate(data)[2:]),
		"flate, cut off":       stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", deflate(data)[:len(deflate(data))-4]),
		"flate, predicted":     stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode/DecodeParms<</Predictor 10/Columns 1000>>", deflate("\x00"+data)),
		"hexadecimal":          stream("/Type/ObjStm/N 1/First 4/Filter/ASCIIHexDecode", hex.EncodeToString([]byte(data))+">"),
		"base 85":              stream("/Type/ObjStm/N 1/First 4/Filter/ASCII85Decode", a85.String()+"~>"),
		"run length":           stream("/Type/ObjStm/N 1/First 4/Filter/RunLengthDecode", runs.String()+"\x80"),
		"two filters":          stream("/Type/ObjStm/N 1/First 4/Filter[/AHx/Fl]", hex.EncodeToString([]byte(deflate(data)))+">"),
		"no type":              stream("/N 1/First 4/Filter/FlateDecode", deflate(data)),
		"a wrong first":        stream("/Type/ObjStm/N 1/First 0/Filter/FlateDecode", deflate(data)),
		"a wrong length":       "<</Type/ObjStm/N 1/First 4/Length 3>>\nstream\n" + data + "\nendstream",
		"a large dictionary":   stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode"+padding, deflate(data)),
		"filter by reference":  stream("/Type 2 0 R/N 1/First 4/Filter 3 0 R", deflate(data)),
	}
}

func TestScanLooksIntoObjectStreams(t *testing.T) {
	for name, object := range encodings("9 0 <</S/JavaScript/JS(x)>>") {
		got := scan.Scan(pdf(object, "/ObjStm", "[4 0 R]", "/FlateDecode"), scan.Limits{})
		if !got.Has(scan.JavaScript) || !got.Has(scan.JS) {
			t.Errorf("%s: found %v, want the script", name, got.Findings)
		}
		if at := slices.IndexFunc(got.Findings, func(f scan.Finding) bool { return f.Kind == scan.JS }); name == "none" && got.Findings[at].Object != 9 {
			t.Errorf("found in object %d, want 9", got.Findings[at].Object)
		}
	}
}

func TestScanUndoesLZW(t *testing.T) {
	// The example of ISO 32000-1, 7.4.4.2: 45 45 45 45 45 65 45 45 45 66.
	encoded := "\x80\x0B\x60\x50\x22\x0C\x0C\x85\x01"
	want := string([]byte{45, 45, 45, 45, 45, 65, 45, 45, 45, 66})
	got := scan.Scan(pdf(stream("/Type/EmbeddedFile/Filter/LZWDecode", encoded)), scan.Limits{})
	if len(got.Embedded) != 1 || got.Embedded[0].Size != len(want) || got.Embedded[0].SHA256 != digest(want) {
		t.Errorf("got %+v, want %q", got.Embedded, want)
	}
}

func TestScanEndsBombs(t *testing.T) {
	zeros := deflate(strings.Repeat("\x00", 3<<20))
	for name, object := range map[string]string{
		"one filter":       stream("/Filter/FlateDecode", zeros),
		"two filters":      stream("/Filter[/FlateDecode/FlateDecode]", deflate(zeros)),
		"many filters":     stream("/Filter["+strings.Repeat("/FlateDecode", 20)+"]", zeros),
		"an object stream": stream("/Type/ObjStm/N 1/First 4/Filter/FlateDecode", zeros),
		"an attachment":    stream("/Type/EmbeddedFile/Filter/FlateDecode", zeros),
		"a small image":    stream("/Subtype/Image/Width 10/Height 10/Filter/FlateDecode", zeros),
	} {
		if got := scan.Scan(pdf(object), scan.Limits{Stream: 1 << 20}); !got.Has(scan.Bomb) {
			t.Errorf("%s: found %v, want a bomb", name, got.Findings)
		}
	}
	for name, object := range map[string]string{
		"a blank large image": stream("/Subtype/Image/Width 2000/Height 2000/Filter/FlateDecode", zeros),
		"less than the limit": stream("/Filter/FlateDecode", deflate(strings.Repeat("\x00", 1<<19))),
	} {
		if got := scan.Scan(pdf(object), scan.Limits{Stream: 1 << 20}); got.Has(scan.Bomb) {
			t.Errorf("%s: found %v, want no bomb", name, got.Findings)
		}
	}
}

func TestScanBoundsWhatAllStreamsTogetherDecodeTo(t *testing.T) {
	medium := stream("/Filter/FlateDecode", deflate(strings.Repeat("\x00", 1<<20)))
	objects := slices.Repeat([]string{medium}, 40)
	got := scan.Scan(pdf(objects...), scan.Limits{Document: 8 << 20})
	if !got.Has(scan.Bomb) || got.Decoded > 9<<20 {
		t.Errorf("decoded %d bytes, found %v; want a bomb at 8 MiB", got.Decoded, kinds(got))
	}
}

func TestScanLooksIntoFilesWithinFiles(t *testing.T) {
	eicar := `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	attach := func(content string) string {
		return string(pdf(stream("/Type/EmbeddedFile/Filter/FlateDecode", deflate(content))))
	}
	inner := attach(attach("hello " + eicar))
	got := scan.Scan([]byte(inner), scan.Limits{})
	if len(got.Embedded) != 1 || len(got.Embedded[0].Embedded) != 1 || !slices.ContainsFunc(got.Embedded[0].Findings, func(f scan.Finding) bool { return f.Kind == scan.Malware }) {
		t.Errorf("got %+v, want malware in the file within the file", got.Embedded)
	}
	if got := scan.Scan([]byte(attach("MZ"+strings.Repeat("\x00", 100))), scan.Limits{}); !got.Has(scan.Executable) {
		t.Errorf("found %v, want a program", got.Findings)
	}
	deep := "x"
	for range 10 {
		deep = attach(deep)
	}
	if got := scan.Scan([]byte(deep), scan.Limits{Depth: 3}); len(got.Embedded[0].Embedded) != 1 || len(got.Embedded[0].Embedded[0].Embedded[0].Embedded) != 0 {
		t.Errorf("got %+v, want it to end at depth 3", got.Embedded)
	}
	if got := scan.Scan([]byte(eicar), scan.Limits{}); !got.Has(scan.Malware) {
		t.Error("malware that is no PDF was not found")
	}
}

// What is quadratic in the size takes hours here; a minute is for machines that
// have much else to do.
func TestScanEndsSoonWhateverTheSyntax(t *testing.T) {
	const size = 2 << 20
	for name, unit := range map[string]string{
		"open parentheses":      "(",
		"open strings":          "1 0 obj (",
		"strings of endobj":     "(endobj",
		"open arrays":           "[",
		"open dictionaries":     "<</A",
		"open hexadecimal":      "<41",
		"streams without end":   "1 0 obj <<>> stream\n",
		"references":            "xref 0 1 0000000009 00000 n \n",
		"comments":              "%",
		"objects":               "1 0 obj 1\n",
		"names":                 "/JS",
		"escapes":               "/#",
		"nested object streams": "1 0 obj<</Type/ObjStm/N 9/First 0>>stream\n",
		"numbers":               "1 ",
	} {
		data := []byte("%PDF-1.7\n" + strings.Repeat(unit, size/len(unit)))
		start := time.Now()
		scan.Scan(data, scan.Limits{})
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestScanBoundsObjectsAndNesting(t *testing.T) {
	many := pdf(slices.Repeat([]string{"1"}, 2000)...)
	if got := scan.Scan(many, scan.Limits{Objects: 1000}); !got.Has(scan.Bomb) || got.Objects > 1001 {
		t.Errorf("%d objects, %v; want it to end at 1000", got.Objects, kinds(got))
	}
	deep := pdf(strings.Repeat("[", 100_000))
	if got := scan.Scan(deep, scan.Limits{}); !got.Has(scan.Nesting) {
		t.Errorf("found %v, want nesting", got.Findings)
	}
}

func TestScanLooksIntoArchives(t *testing.T) {
	pack := func(name, content string) string {
		var out bytes.Buffer
		w := zip.NewWriter(&out)
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	eicar := `X5O!P%@AP[4\PZX54(P^)7CC)7}$` + `EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*`
	script := string(pdf("<</S/JavaScript/JS(x)>>"))
	for name, c := range map[string]struct {
		content string
		want    scan.Kind
	}{
		"malware":                 {pack("a.txt", eicar), scan.Malware},
		"malware in two archives": {pack("a.zip", pack("b.txt", eicar)), scan.Malware},
		"a program":               {pack("a.txt", "MZ"+strings.Repeat("\x00", 100)), scan.Executable},
		"a PDF with script":       {pack("a.pdf", script), scan.JavaScript},
		"a bomb":                  {pack("a", strings.Repeat("\x00", 3<<20)), scan.Bomb},
	} {
		got := scan.File([]byte(c.content), scan.Limits{Stream: 1 << 20})
		if !within(got, c.want) {
			t.Errorf("%s: got %+v, want %s", name, got, c.want)
		}
	}
	if got := scan.File([]byte(pack("word/document.xml", "<w/>")), scan.Limits{}); len(got.Findings) != 0 || got.Type != "zip" {
		t.Errorf("an office document: got %+v, want nothing", got)
	}
	if got := scan.File([]byte("PK\x03\x04 and no more"), scan.Limits{}); len(got.Findings) != 0 {
		t.Errorf("a broken archive: got %+v, want nothing", got)
	}
}

// within reports whether a file, or one in it, has a finding of the kind.
func within(e scan.Embedded, kind scan.Kind) bool {
	return slices.ContainsFunc(e.Findings, func(f scan.Finding) bool { return f.Kind == kind }) ||
		slices.ContainsFunc(e.Embedded, func(inner scan.Embedded) bool { return within(inner, kind) })
}
