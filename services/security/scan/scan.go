// Package scan looks at the bytes of a PDF for what should not be in it. It is
// pure: bytes in, findings out, in bounded time and memory, and no bytes make
// it panic.
//
// It does not trust the file's own directory. It finds objects by their
// spelling ("12 0 obj") wherever they stand, and those that a cross-reference
// table or stream points at even if they hide in a string, a comment or a
// stream; it undoes filters, and looks into object streams, where script hides
// from readers of plain bytes. Names count in any spelling (/J#53 is /JS), but
// only where the syntax has a name: text in strings and streams is text.
//
// The format is that of ISO 32000-1, chapter 7. What is encrypted it cannot
// see; give it the decrypted file as well.
package scan

// A Kind says what was found. Those of active content are the names that the
// PDF itself uses.
type Kind string

// The kinds of findings.
const (
	JavaScript Kind = "JavaScript" // a JavaScript action or name tree
	JS         Kind = "JS"         // the key that holds a script
	Launch     Kind = "Launch"     // starts a program or opens a file
	SubmitForm Kind = "SubmitForm" // sends what is in the form
	ImportData Kind = "ImportData" // fills the form from a file
	GoToE      Kind = "GoToE"      // goes to an embedded file
	GoToR      Kind = "GoToR"      // goes to another file
	RichMedia  Kind = "RichMedia"  // Flash, video, 3D with script
	XFA        Kind = "XFA"        // a form language with script of its own

	URI          Kind = "URI"          // a link into the web
	OpenAction   Kind = "OpenAction"   // something is done on opening
	AA           Kind = "AA"           // something is done on other occasions
	EmbeddedFile Kind = "EmbeddedFile" // the file carries files
	ObjStm       Kind = "ObjStm"       // objects in a compressed stream
	Encrypt      Kind = "Encrypt"      // an encryption dictionary

	Malware    Kind = "Malware"    // a known pattern
	Executable Kind = "Executable" // an embedded program
	Bomb       Kind = "Bomb"       // more decoded bytes than a limit allows, far out of proportion
	Unscanned  Kind = "Unscanned"  // a part that was too large to look into
	Nesting    Kind = "Nesting"    // arrays and dictionaries nested beyond sense
)

// A Finding is one thing found.
type Finding struct {
	Kind   Kind   `json:"kind"`
	Object int    `json:"object,omitempty"` // number of the object that it is in; 0 outside of objects
	Detail string `json:"detail,omitempty"`
}

// An Embedded is a file within the file.
type Embedded struct {
	Object   int        `json:"object,omitempty"` // the stream that holds it
	Type     string     `json:"type"`             // by its own bytes: pdf, executable, script, zip, ..., data
	Size     int        `json:"size"`             // decoded
	SHA256   string     `json:"sha256"`           // of the decoded bytes, hexadecimal
	Findings []Finding  `json:"findings,omitempty"`
	Embedded []Embedded `json:"embedded,omitempty"`
}

// A Result is what a file holds.
type Result struct {
	Findings []Finding  // in the order of the file, each kind once an object
	Embedded []Embedded // the files within
	Objects  int        // how many objects were seen
	Decoded  int64      // bytes that came out of filters
}

// Has reports whether r itself has a finding of the kind.
func (r Result) Has(kind Kind) bool {
	for _, f := range r.Findings {
		if f.Kind == kind {
			return true
		}
	}
	return false
}

// Limits bounds a scan. A field that is 0 stands for its default.
type Limits struct {
	Stream   int64 // decoded bytes of one stream; default 64 MiB
	Document int64 // decoded bytes of all streams, embedded files included; default 256 MiB
	Ratio    int64 // decoded to encoded bytes above which too many are a bomb; default 50
	Filters  int   // filters on one stream; default 8
	Objects  int   // objects looked at; default 1,000,000; more are a bomb
	Nesting  int   // arrays and dictionaries within each other; default 500
	Depth    int   // files within files; default 4
}

func (l Limits) withDefaults() Limits {
	for _, f := range []struct {
		field *int64
		def   int64
	}{{&l.Stream, 64 << 20}, {&l.Document, 256 << 20}, {&l.Ratio, 50}} {
		if *f.field <= 0 {
			*f.field = f.def
		}
	}
	for _, f := range []struct {
		field *int
		def   int
	}{{&l.Filters, 8}, {&l.Objects, 1_000_000}, {&l.Nesting, 500}, {&l.Depth, 4}} {
		if *f.field <= 0 {
			*f.field = f.def
		}
	}
	return l
}

// Scan looks at a file, which need not be a PDF.
func Scan(data []byte, limits Limits) Result {
	limits = limits.withDefaults()
	budget := &budget{left: limits.Document, images: limits.Document}
	s := scanner{data: data, limits: limits, budget: budget}
	s.run()
	s.result.Decoded = limits.Document - budget.left
	return s.result
}

// File looks at a file that was taken out of another by other means.
func File(data []byte, limits Limits) Embedded {
	limits = limits.withDefaults()
	s := scanner{limits: limits, budget: &budget{left: limits.Document, images: limits.Document}}
	s.seen = make(map[Finding]bool)
	s.malware(data, 0)
	e := s.file(0, data)
	e.Findings = append(s.result.Findings, e.Findings...)
	return e
}

// A budget is shared by a file and all files within it.
type budget struct {
	left   int64 // bytes that may still be decoded
	images int64 // the same for the samples of images
}

// A scanner looks at one file.
type scanner struct {
	data   []byte
	limits Limits
	budget *budget
	depth  int

	result  Result
	seen    map[Finding]bool
	objects []object
	table   map[int]int // object number to index of the last one in objects
	started []int       // offsets at which an object was read; ascending after readAll
	linear  int         // how many of started readAll has made
	endless int         // no "endstream" comes after it
	work    int64       // bytes of syntax that may still be read
}

const (
	maxFindings = 2000
	// workFactor is how often a byte of syntax may be read on average: once
	// from the beginning, and again if a reference points there or a string
	// has no end.
	workFactor = 8
)

func (s *scanner) find(kind Kind, object int, detail string) {
	key := Finding{Kind: kind, Object: object}
	if s.seen[key] || len(s.result.Findings) >= maxFindings {
		return
	}
	s.seen[key] = true
	s.result.Findings = append(s.result.Findings, Finding{Kind: kind, Object: object, Detail: detail})
}

func (s *scanner) run() {
	s.seen = make(map[Finding]bool)
	s.table = make(map[int]int)
	s.endless = len(s.data)
	s.work = workFactor*int64(len(s.data)) + 16<<20
	s.malware(s.data, 0)
	s.readAll()
	s.readReferenced()
	// Object streams first: should the budget not do for all, these matter.
	for pass := range passes {
		for i := range s.objects {
			if o := &s.objects[i]; o.stream && s.passOf(o) == pass {
				s.open(o)
			}
		}
	}
	if s.work <= 0 {
		s.find(Bomb, 0, "syntax that has to be read again and again")
	}
}

const passes = 3

// passOf returns when a stream is opened: 0 for object streams, 1 for files,
// 2 for the rest.
func (s *scanner) passOf(o *object) int {
	kind := s.resolve(o.dict["Type"]).name
	switch {
	case kind == "ObjStm", o.dict["First"].kind != kindNone && o.dict["N"].kind != kindNone:
		return 0
	case kind == "EmbeddedFile":
		return 1
	default:
		return 2
	}
}
