package samples

import (
	"crypto/md5" //nolint:gosec // the PDF format asks for this digest
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"
)

// A Document describes a PDF of text to be made. The zero Document is one
// empty page.
type Document struct {
	Title string
	Pages []string // the text of each page, in Latin-1 and the euro sign; lines are parted by "\n"
	Files []File   // embedded files

	Catalog string // more entries of the catalog, in PDF syntax
	Page    string // more entries of the first page, in PDF syntax

	Encryption Encryption
	Password   string // of the user; empty: anybody may open it

	objects []object // more objects; the first has number 5
}

// A File is embedded in a [Document].
type File struct {
	Name         string // such as "factur-x.xml"
	MediaType    string // such as "text/xml"
	Relationship string // of the file to the document, such as "Alternative"; empty is "Unspecified"
	Content      []byte
}

// firstExtra is the number of the first of a Document's own objects.
const firstExtra = 5

// PDF returns the document as a PDF 1.7 file.
func (d Document) PDF() []byte { return d.file().bytes() }

// file lays the document out: objects 1 to 4 are the catalog, the page tree,
// the font and the information dictionary, from 5 on there are d.objects, then
// pages and embedded files.
func (d Document) file() *file {
	f := &file{objects: make([]object, firstExtra-1), trailer: "/Info 4 0 R /ID [<" + fileID + "> <" + fileID + ">]"}
	f.objects = append(f.objects, d.objects...)
	f.crypt = newCrypt(d.Encryption, d.Password)
	pages := d.Pages
	if len(pages) == 0 {
		pages = []string{""}
	}
	var kids []string
	for i, p := range pages {
		more := ""
		if i == 0 {
			more = d.Page
		}
		content := f.add(flated("", pageContent(p)))
		kids = append(kids, ref(f.add(page(content, more))))
	}
	f.objects[0] = obj("%s", "<< /Type /Catalog /Pages 2 0 R "+d.embed(f)+d.Catalog+" >>")
	f.objects[1] = obj("<< /Type /Pages /Count %d /Kids [%s] >>", len(kids), strings.Join(kids, " "))
	f.objects[2] = obj("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>")
	f.objects[3] = obj("<< /Title %s /Producer (docsaga samples) /CreationDate (D:20260105090000Z) >>", text(d.Title))
	return f
}

// fileID is the file identifier of everything that is written here.
const fileID = "646F63736167612073616D706C657321"

func page(content int, more string) object {
	return obj("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents %s %s >>", ref(content), more)
}

func ref(number int) string { return fmt.Sprintf("%d 0 R", number) }

// pageContent returns the operators that set lines of text from the top left
// of an A4 page.
func pageContent(s string) []byte {
	var b strings.Builder
	b.WriteString("BT /F1 10 Tf 14 TL 50 790 Td\n")
	for line := range strings.SplitSeq(s, "\n") {
		fmt.Fprintf(&b, "(%s) Tj T*\n", escape(winAnsi(line)))
	}
	b.WriteString("ET\n")
	return []byte(b.String())
}

// embed adds the embedded files and returns the entries of the catalog that
// lead to them (ISO 32000-2, 7.11.4 and 14.13).
func (d Document) embed(f *file) string {
	if len(d.Files) == 0 {
		return ""
	}
	var names, refs []string
	for _, file := range d.Files {
		spec := ref(f.add(embedded(f, file)))
		names = append(names, text(file.Name)+" "+spec)
		refs = append(refs, spec)
	}
	slices.Sort(names) // a name tree is in order
	return fmt.Sprintf("/AF [%s] /PageMode /UseAttachments /Names << /EmbeddedFiles << /Names [%s] >> >> ",
		strings.Join(refs, " "), strings.Join(names, " "))
}

func embedded(f *file, e File) object {
	relation := e.Relationship
	if relation == "" {
		relation = "Unspecified"
	}
	entries := fmt.Sprintf("/Type /EmbeddedFile /Subtype /%s /Params << /Size %d /ModDate (D:20260105090000Z) /CheckSum <%X> >>",
		name(e.MediaType), len(e.Content), md5.Sum(e.Content)) //nolint:gosec // as above
	n := ref(f.add(flated(entries, e.Content)))
	return obj("<< /Type /Filespec /F %s /UF %s /AFRelationship /%s /EF << /F %s /UF %s >> >>",
		text(e.Name), text(e.Name), name(relation), n, n)
}

// name returns s as a PDF name without its slash: whatever is not a letter or
// a digit is written #xx.
func name(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "#%02X", c)
		}
	}
	return b.String()
}

// escape writes the bytes that a literal string cannot hold bare.
func escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`, "\r", `\r`).Replace(s)
}

// winAnsi returns s in WinAnsiEncoding; what that cannot say becomes "?".
func winAnsi(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		switch {
		case r == '€':
			b = append(b, 0x80)
		case r < 0x80 || 0xa0 <= r && r <= 0xff:
			b = append(b, byte(r))
		default:
			b = append(b, '?')
		}
	}
	return string(b)
}

func utf16BE(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u>>8), byte(u))
	}
	return b
}
