package samples

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"testing"

	"github.com/docsaga/docsaga/events"
)

func TestBuiltinHasOneSampleForEachCommonEnd(t *testing.T) {
	type end struct {
		step   events.StepID
		reason string
	}
	got := map[end]int{}
	for _, s := range Builtin() {
		got[end{s.Want.Step, s.Want.Reason}]++
		if (s.Want.State == Completed) != (s.Want.Step == "" && s.Want.Reason == "") {
			t.Errorf("%s: state %s, but stop %s %s", s.Name, s.Want.State, s.Want.Step, s.Want.Reason)
		}
	}
	for e, n := range map[end]int{
		{"", ""}: 2, {"validation", "invoice-rules"}: 1, {"security", "active-content"}: 1,
		{"security", "encrypted"}: 1, {"location", "not-a-pdf"}: 1,
	} {
		if got[e] != n {
			t.Errorf("%d samples stop by %q at %q, want %d", got[e], e.reason, e.step, n)
		}
	}
}

func TestBuiltinIsTheSameEveryTime(t *testing.T) {
	again := Builtin()
	for i, s := range Builtin() {
		if s.Name != again[i].Name || !bytes.Equal(s.Content, again[i].Content) {
			t.Errorf("%s: two calls returned different bytes", s.Name)
		}
	}
}

func TestEncryptedDocumentsHideTheirText(t *testing.T) {
	for kind, how := range map[Encryption]string{RC4x40: "/R 2", RC4: "/R 3", AES128: "/AESV2", AES256: "/AESV3"} {
		d := Document{Title: "TheTitle", Catalog: "/Lang (TheLanguage)", Encryption: kind, Password: "x"}
		got := d.PDF()
		if !bytes.Contains(got, []byte(how)) || !bytes.Contains(got, []byte("/Encrypt")) {
			t.Errorf("kind %d: no %s in the file", kind, how)
		}
		if bytes.Contains(got, []byte("TheLanguage")) || bytes.Contains(got, []byte(text("TheTitle"))) {
			t.Errorf("kind %d: a string is in the clear", kind)
		}
	}
}

func TestStringsAreEncryptedWhole(t *testing.T) {
	c := &crypt{kind: RC4, key: bytes.Repeat([]byte{7}, 16)}
	plain := `<< /A (a\(b\\c) /B <4142> /C << /D (x(y)z) >> >>`
	got := c.encryptStrings(3, c.encryptStrings(3, plain)) // RC4 twice is the text again
	if want := `<< /A <6128625C63> /B <4142> /C << /D <782879297A> >> >>`; got != want {
		t.Errorf("got %s", got)
	}
}

func TestCIIAndUBLAreWellFormed(t *testing.T) {
	credit := Example()
	credit.Type = "381"
	credit.Allowances = []Allowance{{Amount: "10.00", Reason: "A < B & C", Category: "S", Rate: "19"}, {Charge: true, Amount: "5.00", Category: "S", Rate: "7"}}
	credit = credit.Totalled()
	for name, content := range map[string][]byte{
		"CrossIndustryInvoice": credit.CII(), "Invoice": Example().UBL(), "CreditNote": credit.UBL(),
	} {
		if root := wellFormed(t, content); root != name {
			t.Errorf("root element %s, want %s", root, name)
		}
		if bytes.Contains(content, []byte("></")) {
			t.Errorf("%s: an empty element was written", name)
		}
	}
}

// wellFormed reads the document to its end and returns its root's name.
func wellFormed(t *testing.T, content []byte) (root string) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(content))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("XML: %v\n%s", err, content)
		}
		if e, ok := token.(xml.StartElement); ok && root == "" {
			root = e.Name.Local
		}
	}
}

func TestTotalledWorksOutEverySum(t *testing.T) {
	i := Example()
	i.Lines = []Line{
		{ID: "1", Quantity: "3", Price: "33.333", Category: "S", Rate: "19"},
		{ID: "2", Quantity: "0.5", Price: "20", Category: "S", Rate: "7"},
		{ID: "3", Quantity: "1", Price: "50.00", Category: "E", Rate: "0"},
	}
	i.Allowances = []Allowance{{Amount: "10.00", Category: "S", Rate: "19"}, {Charge: true, Amount: "2.50", Category: "S", Rate: "7"}}
	i.Taxes = []Tax{{Category: "E", Rate: "0", Exemption: "export"}}
	i.Totals.Prepaid, i.Totals.Rounding = "20.00", "0.02"
	i = i.Totalled()
	want := Totals{
		Lines: "160.00", Allowances: "10.00", Charges: "2.50", Net: "152.50", Tax: "17.98",
		Gross: "170.48", Prepaid: "20.00", Rounding: "0.02", Due: "150.50",
	}
	if i.Totals != want {
		t.Errorf("totals\n got %+v\nwant %+v", i.Totals, want)
	}
	if len(i.Taxes) != 3 || i.Taxes[0] != (Tax{Category: "S", Rate: "19", Basis: "90.00", Amount: "17.10"}) || i.Taxes[2].Exemption != "export" {
		t.Errorf("taxes %+v", i.Taxes)
	}
}

func TestEInvoiceSpreadsManyLinesOverPages(t *testing.T) {
	if got := bytes.Count(EInvoice(ManyLines(100)), []byte("/Type /Page ")); got != 3 {
		t.Errorf("100 lines are on %d pages, want 3", got)
	}
}
