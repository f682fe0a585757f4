package dryrun

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/saga"
	"github.com/docsaga/docsaga/saga/bpmn"
)

// corpus returns the models of the corpus by folder, or skips the test.
func corpus(t *testing.T) map[string][]string {
	t.Helper()
	root := os.Getenv("DOCSAGA_CORPUS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(root, "bpmn", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Skipf("LEFT OUT: no BPMN models under %s; set DOCSAGA_CORPUS to a folder that has bpmn/*/*.bpmn", root)
	}
	folders := make(map[string][]string)
	for _, f := range files {
		folder := filepath.Base(filepath.Dir(f))
		folders[folder] = append(folders[folder], f)
	}
	return folders
}

// beyond matches what is not among the elements that docsaga runs: other
// elements of BPMN, code of other engines, other expression languages.
func beyond() *regexp.Regexp {
	return regexp.MustCompile(`this element is not supported|EventDefinition is not supported|code of another engine|` +
		`are not supported; write FEEL|decisions are not supported|standardLoop|event definitions; only one|no process to run|` +
		`beans and their methods|JUEL|encoding |a gateway that starts|cycle "[^"]*": want ISO 8601|is not FEEL|strings are written in double|unexpected character`)
}

// broken matches what is wrong with a model in any engine.
func broken() *regexp.Regexp {
	return regexp.MustCompile(`is not defined|no link event catches|has no timeDate|nothing says which definition|cannot be reached|` +
		`not both elements of the flow|no association leads|type is missing|nothing sets it off|no zeebe:taskDefinition|` +
		`no collection and no number|deadlock|no end can be reached|an operator or the end was expected|loop without a step`)
}

func runFile(source []byte) (Result, error) {
	d, err := bpmn.Parse(source, 1)
	if err != nil {
		return Result{}, err
	}
	definitions := make(map[string]*saga.Definition)
	ids, err := bpmn.Processes(source)
	if err != nil {
		return Result{}, err
	}
	for _, id := range ids {
		if other, err := bpmn.ParseProcess(source, id, 1); err == nil {
			definitions[other.Name] = other
		}
	}
	if report := bpmn.Check(source); !report.Sound {
		return Result{}, fmt.Errorf("not sound: %v", report.Findings)
	}
	result, err := Run(d, Options{Definitions: definitions})
	for _, value := range values(string(source)) {
		if err == nil && result.State != "incident" {
			break
		}
		if guess, err := Run(d, Options{Definitions: definitions, Variables: guess(string(source), value)}); err == nil && guess.State != "incident" {
			return guess, nil
		}
	}
	return result, err
}

func expressions(source string) []string {
	return regexp.MustCompile(`(?s)onditionExpression[^>]*>.*?</|"=[^"]*"|[$#]\{[^}]*\}|>=[^<]*<`).FindAllString(source, -1)
}

// values returns what the variables of a model might be: what its expressions
// compare with, among others.
func values(source string) []string {
	list := []string{"1", "-1", "15", "1000", "true", "false", `"a"`, `["a"]`, `"PT1S"`, "0"}
	for _, x := range expressions(source) {
		for _, text := range regexp.MustCompile(`'\w+'|"\w+"`).FindAllString(x, -1) {
			list = append(list, `"`+text[1:len(text)-1]+`"`)
		}
	}
	return list
}

// guess gives every path in the model's expressions the same value: a model
// with conditions needs some variables to run.
func guess(source, value string) json.RawMessage {
	variables := make(map[string]any)
	for _, x := range expressions(source) {
		for _, path := range regexp.MustCompile(`[A-Za-z_][A-Za-z0-9_.]*`).FindAllString(x, -1) {
			names := strings.Split(path, ".")
			var v any = json.RawMessage(value)
			for i := len(names) - 1; i > 0; i-- {
				v = map[string]any{names[i]: v}
			}
			if _, nested := variables[names[0]].(map[string]any); !nested {
				variables[names[0]] = v
			}
		}
	}
	raw, err := json.Marshal(variables)
	if err != nil {
		return nil
	}
	return raw
}

func TestModelsOfTheCorpusRunToAnEnd(t *testing.T) {
	folders := corpus(t)
	names := make([]string, 0, len(folders))
	for folder := range folders {
		names = append(names, folder)
	}
	slices.Sort(names)
	all, good, wrong := 0, 0, 0
	for _, folder := range names {
		accepted, ended, outside, faulty, states := 0, 0, 0, 0, map[string]int{}
		for _, f := range folders[folder] {
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			result, err := runFile(source)
			if err != nil && result.Trace == nil {
				switch {
				case beyond().MatchString(err.Error()):
					outside++
				case broken().MatchString(err.Error()):
					faulty++
				}
				if testing.Verbose() {
					fmt.Printf("REFUSED %s/%s: %.300s\n", folder, filepath.Base(f), strings.ReplaceAll(err.Error(), "\n", " | "))
				}
				continue
			}
			accepted++
			states[result.State]++
			if err == nil && result.State != "waiting" && result.State != "incident" {
				ended++
			} else if testing.Verbose() {
				fmt.Printf("OPEN %s/%s: %s %s %v after %v\n", folder, filepath.Base(f), result.State, result.Reason, err, result.Trace[:min(len(result.Trace), 12)])
			}
		}
		n := len(folders[folder])
		t.Logf("%-22s %3d files: %3d beyond, %3d faulty, %3d accepted, %3d ended %v", folder, n, outside, faulty, accepted, ended, states)
		all, good, wrong = all+n-outside, good+ended, wrong+faulty
	}
	t.Logf("%d ended of %d that use only supported elements, %d of which are faulty", good, all, wrong)
	all -= wrong
	t.Logf("%d of %d ended: %.1f %%", good, all, 100*float64(good)/float64(all))
	if good*100 < all*95 {
		t.Errorf("%d of %d ended, want 95 %%", good, all)
	}
}
