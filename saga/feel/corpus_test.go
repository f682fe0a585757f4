package feel

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// expressionsIn collects what stands in a model after "=", as Zeebe marks
// expressions, and in ${ } and #{ }.
func expressionsIn(t *testing.T, path string) (feel, juel []string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	collect := func(text string) {
		text = strings.TrimSpace(text)
		switch {
		case strings.HasPrefix(text, "=") && !strings.HasPrefix(text, "=="):
			feel = append(feel, text[1:])
		case strings.HasPrefix(text, "${") || strings.HasPrefix(text, "#{"):
			juel = append(juel, text)
		}
	}
	for d := xml.NewDecoder(bytes.NewReader(data)); ; {
		token, err := d.RawToken()
		if err != nil {
			return feel, juel // the end, or a model that is broken on purpose
		}
		switch token := token.(type) {
		case xml.StartElement:
			for _, a := range token.Attr {
				collect(a.Value)
			}
		case xml.CharData:
			collect(string(token))
		}
	}
}

func TestExpressionsOfRealModelsParse(t *testing.T) {
	dir := os.Getenv("DOCSAGA_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	dir = filepath.Join(dir, "bpmn")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("LEFT OUT: the expressions of real models; put models into %s or set DOCSAGA_CORPUS", dir)
	}
	var good, bad, translated, refused int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".bpmn") && !strings.HasSuffix(path, ".xml") {
			return err
		}
		feel, juel := expressionsIn(t, path)
		for _, src := range feel {
			x, err := Parse(src)
			if err != nil {
				bad++
				t.Logf("%s: %.80q: %v", path, src, err)
				continue
			}
			good++
			if again, err := Parse(x.String()); err != nil || again.String() != x.String() {
				t.Errorf("%q becomes %q, which parses to %v, %v", src, x, again, err)
			}
		}
		for _, src := range juel {
			text, err := FromJUEL(src)
			var syntax *SyntaxError
			switch {
			case err == nil:
				translated++
				if _, err := Parse(text); err != nil {
					t.Errorf("%q becomes %q: %v", src, text, err)
				}
			case errors.As(err, &syntax):
				refused++
				t.Logf("%s: %.80q: %v", path, src, err)
			default:
				t.Errorf("%q: %v", src, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("FEEL: %d parsed, %d not; JUEL: %d translated, %d refused", good, bad, translated, refused)
	if bad*20 > good {
		t.Errorf("%d of %d expressions do not parse", bad, good+bad)
	}
}
