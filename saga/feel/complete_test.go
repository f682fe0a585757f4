package feel

import (
	"go/ast"
	goparser "go/parser"
	gotoken "go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The functions of DMN 1.5, tables 72 to 83, and those that Zeebe has besides.
func known() []string {
	return []string{
		"date", "date and time", "time", "number", "string", "duration", "years and months duration", "range",
		"not", "is", "now", "today",
		"substring", "string length", "upper case", "lower case", "substring before", "substring after", "replace", "contains",
		"starts with", "ends with", "matches", "split", "string join",
		"list contains", "list replace", "count", "min", "max", "sum", "mean", "all", "any", "sublist", "append", "concatenate",
		"insert before", "remove", "reverse", "index of", "union", "distinct values", "flatten", "product", "median", "stddev", "mode", "sort",
		"decimal", "floor", "ceiling", "round up", "round down", "round half up", "round half down", "abs", "modulo", "sqrt", "log", "exp", "odd", "even",
		"before", "after", "meets", "met by", "overlaps", "overlaps before", "overlaps after", "finishes", "finished by", "includes",
		"during", "starts", "started by", "coincides",
		"day of year", "day of week", "month of year", "week of year",
		"get value", "get entries", "context", "context put", "context merge",
		"get or else", "is defined", "assert", "is blank", "extract", "trim", "to base64", "duplicate values", "partition",
		"last day of month", "is empty", "put", "put all", "to json", "from json",
	}
}

// literals returns the texts in the package's tests, or those that the cases of
// its switches name.
func literals(t *testing.T, tests bool) []string {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	take := func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == gotoken.STRING {
			if s, err := strconv.Unquote(text.Value); err == nil {
				texts = append(texts, s)
			}
		}
		return true
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || tests != strings.HasSuffix(f.Name(), "_test.go") || f.Name() == "complete_test.go" {
			continue
		}
		file, err := goparser.ParseFile(gotoken.NewFileSet(), f.Name(), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if tests {
			ast.Inspect(file, take)
			continue
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if clause, ok := n.(*ast.CaseClause); ok {
				for _, x := range clause.List {
					take(x)
				}
			}
			return true
		})
	}
	return texts
}

func TestEveryFunctionIsThereAndHasAnExample(t *testing.T) {
	examples := strings.Join(literals(t, true), "\n")
	defined := slices.DeleteFunc(literals(t, false), func(name string) bool { return lookupBuiltin(name) == nil })
	if len(defined) < 80 {
		t.Fatalf("%d functions are defined: %q", len(defined), defined)
	}
	for _, name := range append(known(), defined...) {
		if lookupBuiltin(name) == nil {
			t.Errorf("there is no function %s", name)
		}
		if !regexp.MustCompile(`(^|[^a-z ]|[^a-z] |\n)` + name + `\(`).MatchString(examples) {
			t.Errorf("no example calls %s", name)
		}
	}
}
