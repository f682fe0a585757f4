package samples

import (
	"slices"
	"strings"
)

// A Kind is one way in which a document can be hostile or broken, by one
// document that is so.
type Kind struct {
	Name string // such as "flate-bomb"

	// Want is how the document should end under the default policy, and Also
	// are ends that are right as well: a reader may repair more, or less, of a
	// broken file, and a limit may bite at another step.
	Want Want
	Also []Want

	// Content makes the document anew at each call. No document is larger than
	// 32 MiB, and making it takes a few times that in memory, or 128 MiB.
	Content func() []byte
	// Large documents have more than 1 MiB, or take long to make.
	Large bool
}

// Accepts reports whether the end is a right one for the kind.
func (k Kind) Accepts(end Want) bool {
	return end == k.Want || slices.Contains(k.Also, end)
}

// Hostile returns one document of each kind, ordered by name within groups:
// what is no PDF, broken structure, cycles and sizes, bombs, active content,
// embedded files, encryption, and broken e-invoices.
func Hostile() []Kind {
	kinds := slices.Concat(
		noPDFs(), structures(), syntaxes(), trees(), sizes(), contents(), bombs(),
		scripts(), disguises(), actions(), carried(), encrypted(), invoices(),
	)
	for i := range kinds {
		kinds[i].Large = slices.Contains(large(), kinds[i].Name)
	}
	return kinds
}

func large() []string {
	return []string{
		"attached-zip-bomb", "attachment-bomb", "flate-bomb-10-gib", "invoice-lines-20k", "kids-300k", "lzw-bomb", "nested-dictionaries",
		"objects-500k", "outline-100k", "outline-deep", "page-annotations-100k", "pages-100k", "pages-deep", "white-space-10-mb",
		"flate-bomb", "flate-bomb-abbreviated", "flate-bomb-escaped", "object-stream-bomb", "flate-many-medium",
	}
}

// Seeds returns the documents of at most so many bytes of all kinds that are
// not large, as seeds for a fuzzer.
func Seeds(maxBytes int) [][]byte {
	var seeds [][]byte
	for _, k := range Hostile() {
		if k.Large {
			continue
		}
		if c := k.Content(); len(c) <= maxBytes {
			seeds = append(seeds, c)
		}
	}
	return seeds
}

// The ends that recur below.
func notAPDF() Want    { return stops(stepLocation, "not-a-pdf") }
func active() Want     { return stops(stepSecurity, "active-content") }
func locked() Want     { return stops(stepSecurity, "encrypted") }
func bomb() Want       { return stops(stepSecurity, "decompression-bomb") }
func malware() Want    { return stops(stepSecurity, "malware") }
func unreadable() Want { return stops(stepParsing, "unreadable") }
func slow() Want       { return stops(stepParsing, "timeout") }
func tooMuch() Want    { return stops(stepSecurity, "too-large") }
func badXML() Want     { return stops(stepValidation, "invoice-unreadable") }
func badRules() Want   { return stops(stepValidation, "invoice-rules") }

// strained are the ends of a file that is too much for one reader or another,
// by its nesting, its objects, its pages, or the time or memory that it takes.
// Security stops it if its own look is too much already.
func strained() []Want {
	return []Want{
		bomb(), unreadable(), slow(), stops(stepParsing, "too-large"),
		stops(stepSecurity, "unreadable"), stops(stepSecurity, "timeout"), tooMuch(),
	}
}

// kind makes a kind from its name, how it is made, and its right ends, of which
// the first is the wanted one.
func kind(name string, content func() []byte, want Want, also ...Want) Kind {
	return Kind{Name: name, Want: want, Also: also, Content: content}
}

// fixed makes a kind of a short text.
func fixed(name, content string, want Want) Kind {
	return kind(name, func() []byte { return []byte(content) }, want)
}

// changed makes a kind of a plain file of one page by a change to its objects:
// 1 catalog, 2 page tree, 3 font, 4 information, 5 content, 6 page.
func changed(name string, change func(*file), want Want, also ...Want) Kind {
	return kind(name, func() []byte {
		f := deliveryNote(1).file()
		change(f)
		return f.bytes()
	}, want, also...)
}

// rewritten makes a kind of a plain file by a change to its bytes.
func rewritten(name string, change func(string) string, want Want, also ...Want) Kind {
	return kind(name, func() []byte { return []byte(change(string(deliveryNote(1).PDF()))) }, want, also...)
}

// documented makes a kind of a plain document by a change to its description.
func documented(name string, change func(*Document), want Want, also ...Want) Kind {
	return kind(name, func() []byte {
		d := deliveryNote(1)
		change(&d)
		return d.PDF()
	}, want, also...)
}

// The objects of a plain file.
const (
	catalog = iota
	pageTree
	font
	information
	content
	firstPage
)

// put adds entries to an object that is a dictionary.
func (f *file) put(i int, entries string) {
	o := &f.objects[i]
	if o.stream != nil {
		o.value += " " + entries
		return
	}
	o.value = strings.TrimSuffix(o.value, ">>") + entries + " >>"
}

func noPDFs() []Kind {
	page := "<!DOCTYPE html>\n<html><title>Sign in</title><p>Your session is over.</html>\n"
	return []Kind{
		fixed("empty-file", "", notAPDF()),
		rewritten("header-after-1k", func(s string) string { return strings.Repeat("%\n", 600) + s }, notAPDF()),
		rewritten("header-without-dash", func(s string) string { return strings.Replace(s, "%PDF-", "%PDF ", 1) }, notAPDF()),
		fixed("html-file", page, notAPDF()),
		fixed("one-byte", "%", notAPDF()),
		fixed("postscript-file", "%!PS-Adobe-3.0\n/Helvetica 12 selectfont 72 720 moveto (hello) show showpage\n", notAPDF()),
		kind("zip-file", func() []byte { return zipped("invoice.pdf", deliveryNote(1).PDF()) }, notAPDF()),
		fixed("zeros-file", strings.Repeat("\x00", 4096), notAPDF()),
	}
}
