// Package decoders_test finds what reads bytes and is not fuzzed.
package decoders_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// reader is what functions are called that make something of bytes or text.
var reader = regexp.MustCompile(`^(Parse|parse|Decode|decode|decoded|Unmarshal\w*|ReadKeys|ReadReply|quickAck|record|load)([A-Z]\w*)?$`)

// through are readers that are fuzzed under another name: the fuzz target that
// reaches them.
func through() map[string]string {
	return map[string]string{
		"events.UnmarshalJSON":   "FuzzUnmarshalJSON",
		"feel.ParseNames":        "FuzzParseAndFormat",
		"feel.parseWith":         "FuzzParseAndFormat",
		"feel.ParseNumber":       "FuzzEvalEnds",
		"feel.parseTemporal":     "FuzzEvalEnds",
		"feel.parseDate":         "FuzzEvalEnds",
		"feel.parseDateTime":     "FuzzEvalEnds",
		"feel.parseTime":         "FuzzEvalEnds",
		"feel.parseZone":         "FuzzEvalEnds",
		"feel.parseOffset":       "FuzzEvalEnds",
		"feel.loadZone":          "FuzzEvalEnds",
		"feel.parseDuration":     "FuzzEvalEnds",
		"feel.parseClock":        "FuzzEvalEnds",
		"api.UnmarshalText":      "FuzzReadKeys",
		"anchor.record":          "FuzzScan",
		"coordinator.load":       "FuzzSnapshot",
		"coordinator.loadOne":    "FuzzSnapshot",
		"coordinator.decode":     "FuzzSnapshot",
		"dryrun.UnmarshalJSON":   "FuzzScript",
		"saga.decodeVisit":       "FuzzStateRoundTrip",
		"events.decodeValue":     "FuzzDecode",
		"events.parseKind":       "FuzzParseSubject",
		"events.parseNumber":     "FuzzParseSubject",
		"events.parseResult":     "FuzzDecode",
		"events.UnmarshalText":   "FuzzParsePosition",
		"feel.decode":            "FuzzJSONRoundTrip",
		"bpmn.ParseProcess":      "FuzzParse",
		"bpmn.parseCycle":        "FuzzParse",
		"bpmn.parseDate":         "FuzzParse",
		"bpmn.parseDuration":     "FuzzParse",
		"einvoice.UnmarshalJSON": "FuzzParseDecimal",
		"einvoice.decoded":       "FuzzRead",
		"location.parseInput":    "FuzzDoNeverPanicsAndNeverLeavesItsRoot",
		"records.parseAmount":    "FuzzParseDecimal",
		"audit.UnmarshalJSON":    "FuzzCheckExport",
		"audit.parseHeaderText":  "FuzzCheckExport",
		"audit.loadDefinitions":  "FuzzParseRecord",
		"natslog.decodePosting":  "FuzzDecodePosting",
		"scan.decode":            "FuzzScan",
		"scan.parseInt":          "FuzzScan",
	}
}

// A place is a function by its package's and its own name.
type place struct{ pkg, name, file string }

// source returns the functions that read, and what each fuzz target's file
// says.
func source(t *testing.T) (readers []place, targets map[string]bool, fuzzing map[string]string) {
	t.Helper()
	targets, fuzzing = make(map[string]bool), make(map[string]string)
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			if entry != nil && entry.IsDir() && slices.Contains([]string{".git", "test", "bench", "cmd", "node_modules"}, entry.Name()) {
				return fs.SkipDir
			}
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			switch {
			case !ok:
			case strings.HasSuffix(path, "_test.go") && strings.HasPrefix(f.Name.Name, "Fuzz"):
				targets[f.Name.Name] = true
				ast.Inspect(file, func(n ast.Node) bool {
					if id, ok := n.(*ast.Ident); ok {
						fuzzing[filepath.Dir(path)] += " " + id.Name + " "
					}
					return true
				})
			case !strings.HasSuffix(path, "_test.go") && reader.MatchString(f.Name.Name) && takesBytes(f):
				readers = append(readers, place{file.Name.Name, f.Name.Name, path})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return readers, targets, fuzzing
}

// takesBytes reports whether a function is given text, bytes, or what they are
// read from.
func takesBytes(f *ast.FuncDecl) bool {
	for _, p := range f.Type.Params.List {
		switch x := p.Type.(type) {
		case *ast.ArrayType:
			if id, ok := x.Elt.(*ast.Ident); ok && id.Name == "byte" {
				return true
			}
		case *ast.Ident:
			if x.Name == "string" || x.Name == "T" {
				return true
			}
		case *ast.SelectorExpr:
			if x.Sel.Name == "Reader" || x.Sel.Name == "RawMessage" {
				return true
			}
		}
	}
	return false
}

func TestEveryDecoderIsFuzzed(t *testing.T) {
	readers, targets, fuzzing := source(t)
	if len(readers) < 40 || len(targets) < 25 {
		t.Fatalf("%d readers and %d fuzz targets were found: the test shows nothing", len(readers), len(targets))
	}
	known := through()
	for _, r := range readers {
		dir := filepath.Dir(r.file)
		if strings.Contains(fuzzing[dir], " "+r.name+" ") {
			continue
		}
		target, ok := known[r.pkg+"."+r.name]
		if !ok {
			t.Errorf("%s.%s in %s reads bytes, and no fuzz target does it", r.pkg, r.name, r.file)
		} else if !targets[target] {
			t.Errorf("%s.%s is to be fuzzed by %s, which is not there", r.pkg, r.name, target)
		}
	}
}
