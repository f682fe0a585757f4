package pdfium_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
)

// formPDF has one field of each kind.
func formPDF() []byte {
	field := func(more string) string {
		return "<</Type/Annot/Subtype/Widget/Rect[0 0 9 9]" + more + ">>"
	}
	form := "<</Type/XObject/Subtype/Form/BBox[0 0 1 1]/Length 0>>\nstream\n\nendstream"
	states := func(on string) string { return "/AP<</N<</Off 13 0 R/" + on + " 13 0 R>>>>" }
	return buildPDF("",
		"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[4 0 R 5 0 R 6 0 R 7 0 R 8 0 R 11 0 R 12 0 R]/DR<<>>>>>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Annots[4 0 R 5 0 R 6 0 R 7 0 R 9 0 R 10 0 R 11 0 R 12 0 R]>>",
		field("/FT/Tx/T(name)/V(Alice)"),
		field("/FT/Tx/T(empty)"),
		field("/FT/Btn/T(yes)/V/On/AS/On"+states("On")),
		field("/FT/Btn/T(no)/V/Off/AS/Off"+states("On")),
		"<</FT/Btn/Ff 32768/T(size)/V/L/Kids[9 0 R 10 0 R]>>",
		field("/Parent 8 0 R/AS/Off"+states("S")),
		field("/Parent 8 0 R/AS/L"+states("L")),
		field("/FT/Ch/Ff 131072/T(colour)/Opt[(red)(blue)]/V(blue)"),
		field("/FT/Ch/T(list)/Opt[(a)(b)(c)]/V(c)"),
		form,
	)
}

func TestFormFieldsComeWithWhatIsFilledIn(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	got, err := pool.Inspect(t.Context(), formPDF(), pdfium.Want{Forms: true})
	if err != nil {
		t.Fatal(err)
	}
	want := []pdfium.Field{
		{Name: "name", Type: "text", Value: "Alice"},
		{Name: "empty", Type: "text"},
		{Name: "yes", Type: "checkbox", Checked: true},
		{Name: "no", Type: "checkbox"},
		{Name: "size", Type: "radio", Value: "L", Checked: true},
		{Name: "colour", Type: "combo", Values: []string{"blue"}},
		{Name: "list", Type: "list", Values: []string{"c"}},
	}
	if diff := cmp.Diff(want, got.Fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if got.Widgets != 7 || got.Filled != 2 {
		t.Errorf("%d widgets, %d filled, want 7 and 2", got.Widgets, got.Filled)
	}
	cut, err := pool.Inspect(t.Context(), formPDF(), pdfium.Want{Forms: true, Limits: pdfium.Limits{Entries: 3}})
	if err != nil || len(cut.Fields) != 3 || cut.Widgets != 7 || !slices.Contains(cut.Cut, "fields") {
		t.Errorf("with a limit of 3: %d fields of %d, cut %v, %v", len(cut.Fields), cut.Widgets, cut.Cut, err)
	}
}

// carrierPDF carries two files and a script.
func carrierPDF() []byte {
	return buildPDF("/Info 9 0 R",
		"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles<</Names[(a)4 0 R(b)5 0 R]>>/JavaScript<</Names[(j)8 0 R]>>>>>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
		"<</Type/Filespec/F(a.txt)/UF(a.txt)/EF<</F 6 0 R>>>>",
		"<</Type/Filespec/F(b.txt)/UF(b.txt)/EF<</F 7 0 R>>>>",
		stream("/Type/EmbeddedFile/Subtype/text#2Fplain", "hello"),
		stream("/Type/EmbeddedFile", "a longer one"),
		"<</S/JavaScript/JS(app.alert\\(1\\))>>",
		"<</Title(T)/Author(A)>>",
	)
}

func TestAttachmentsScriptsAndMetadataAreRead(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	got, err := pool.Inspect(t.Context(), carrierPDF(), pdfium.Want{Attachments: true, Scripts: true})
	if err != nil {
		t.Fatal(err)
	}
	const hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if len(got.Attachments) != 2 || string(got.Attachments[0].Content) != "hello" || got.Attachments[0].SHA256 != hello ||
		got.Attachments[0].Name != "a.txt" || got.Attachments[0].Subtype != "text/plain" || string(got.Attachments[1].Content) != "a longer one" {
		t.Errorf("attachments %+v", got.Attachments)
	}
	if len(got.Scripts) != 1 || got.Scripts[0] != (pdfium.Script{Name: "j", Source: "app.alert(1)"}) {
		t.Errorf("scripts %+v", got.Scripts)
	}
	if diff := cmp.Diff(map[string]string{"Title": "T", "Author": "A"}, got.Metadata); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	limited := pdfium.Want{Attachments: true, Limits: pdfium.Limits{Attachment: 6}}
	got, err = pool.Inspect(t.Context(), carrierPDF(), limited)
	if err != nil || got.Attachments[0].Content == nil || got.Attachments[1].Content != nil || !slices.Contains(got.Cut, "attachments") {
		t.Errorf("with a limit of 6 bytes: %+v, cut %v, %v, want the second without its bytes", got.Attachments, got.Cut, err)
	}
}

func TestAnOutlineWithACycleEnds(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	pdf := buildPDF("",
		"<</Type/Catalog/Pages 2 0 R/Outlines 4 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
		"<</First 5 0 R/Last 6 0 R/Count 2>>",
		"<</Title(one)/Parent 4 0 R/Next 6 0 R/First 6 0 R>>",
		"<</Title(two)/Parent 4 0 R/Next 5 0 R/First 5 0 R>>",
	)
	got, err := pool.Inspect(t.Context(), pdf, pdfium.Want{Outline: true, Limits: pdfium.Limits{Entries: 100}})
	if err != nil || len(got.Outline) > 100 || len(got.Outline) < 2 || !slices.Contains(got.Cut, "outline") {
		t.Fatalf("%d items, cut %v, %v, want them cut off at 100", len(got.Outline), got.Cut, err)
	}
	if got.Outline[0] != (pdfium.OutlineItem{Title: "one"}) || got.Outline[1] != (pdfium.OutlineItem{Title: "two", Level: 1}) {
		t.Errorf("outline begins %+v", got.Outline[:2])
	}
}

func TestTextStopsAtItsLimit(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	pdf := onePage("BT /F 1 Tf 1 50 Td (" + strings.Repeat("word ", 2000) + ") Tj ET")
	got, err := pool.Inspect(t.Context(), pdf, pdfium.Want{Text: true, Limits: pdfium.Limits{Text: 500}})
	if err != nil || len(got.PageTexts) != 1 || len(got.PageTexts[0].Text) > 500 || len(got.PageTexts[0].Text) < 400 || !slices.Contains(got.Cut, "text") {
		t.Errorf("%d bytes of text, cut %v, %v, want 500", len(got.PageTexts[0].Text), got.Cut, err)
	}
}

func TestAPictureThatDoesNotFitIntoMemoryIsAFault(t *testing.T) {
	conf := pdfiumtest.Config(t)
	conf.MemoryPages = 512
	pool := pdfiumtest.Pool(t, conf)
	got, err := pool.Inspect(t.Context(), onePage("0 0 9 9 re f"), pdfium.Want{Text: true, Pictures: []int{0}, Side: 4000})
	if err != nil || got.Pages != 1 || len(got.Pictures) != 0 || !strings.Contains(strings.Join(got.Faults, "\n"), "memory: the limit was reached") {
		t.Errorf("got %d pictures, faults %q, %v, want none and the fault named", len(got.Pictures), got.Faults, err)
	}
}

func TestAPageOfAnySizeIsDrawnWithinTheLimit(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	for _, box := range []string{"[0 0 1000000000 1000000000]", "[0 0 1 1000000]", "[0 0 0 0]", "[0 0 1e38 1e38]", "[5 5 -5 -5]"} {
		pdf := buildPDF("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Kids[3 0 R]/Count 1>>",
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox%s>>", box))
		got, err := pool.Inspect(t.Context(), pdf, pdfium.Want{Text: true, Pictures: []int{0}, Side: 500})
		if err != nil && !errors.Is(err, pdfium.ErrMemory) {
			t.Errorf("%s: %v", box, err)
		}
		for _, p := range got.Pictures {
			if p.Width > 500 || p.Height > 500 {
				t.Errorf("%s: a picture of %d x %d pixels", box, p.Width, p.Height)
			}
		}
	}
}
