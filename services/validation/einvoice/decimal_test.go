package einvoice_test

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

func TestADecimalIsReadAsXMLSchemaWritesIt(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-8.79": "-8.79", "+1": "1", "104.90": "104.90", ".5": "0.5", "5.": "5", "007": "7", "-0.00": "-0.00",
		strings.Repeat("9", 38): strings.Repeat("9", 38),
	} {
		if got, err := einvoice.ParseDecimal(text); err != nil || got.String() != want {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".", "-", "1e3", "1,5", "NaN", "Infinity", "0x1", "--1", "+-1", "1.2.3", " 1", "1 ", "1_000", "١", strings.Repeat("9", 39)} {
		if got, err := einvoice.ParseDecimal(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}

func TestTenthsAddUpExactly(t *testing.T) {
	var sum einvoice.Decimal
	for range 10 {
		sum = sum.Add(num("0.1"))
	}
	if !sum.Equal(num("1.00")) {
		t.Errorf("ten times 0.1 is %s", sum)
	}
	if got := num("1").Sub(num("0.99")).Mul(num("3")).Quo(num("7")).Round(4).String(); got != "0.0043" {
		t.Errorf("got %s, want 0.0043", got)
	}
	if got := num("1").Quo(num("0")); !got.IsZero() {
		t.Errorf("1/0 is %s, want none", got)
	}
}

func TestHalvesRoundAwayFromZero(t *testing.T) {
	for text, want := range map[string]string{"0.125": "0.13", "-0.125": "-0.13", "0.1249": "0.12", "119": "119.00"} {
		if got := num(text).Round(2).String(); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
	if got := (einvoice.Decimal{}).Round(2).String(); got != "" {
		t.Errorf("none rounds to %q", got)
	}
}

func TestNoneIsNotZero(t *testing.T) {
	if (einvoice.Decimal{}).IsZero() == num("0").IsZero() {
		t.Error("none and 0 are told apart by nothing")
	}
	raw, err := json.Marshal(struct {
		None einvoice.Decimal `json:"none,omitzero"`
		Zero einvoice.Decimal `json:"zero,omitzero"`
		Here einvoice.Decimal `json:"here"`
	}{Zero: num("0.00")})
	if want := `{"zero":"0.00","here":null}`; err != nil || string(raw) != want {
		t.Errorf("got %s, %v; want %s", raw, err, want)
	}
}

func TestADecimalSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{1,12}(\.[0-9]{1,12})?`).Draw(t, "number")
		want := num(text)
		raw, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{string(raw), strings.Trim(string(raw), `"`)} {
			var got einvoice.Decimal
			if err := json.Unmarshal([]byte(form), &got); err != nil {
				if strings.HasPrefix(form, `"`) || form == text {
					t.Fatal(err)
				}
				continue // 007 is no JSON number
			}
			if !got.Equal(want) {
				t.Fatalf("%s: got %s, want %s", form, got, want)
			}
		}
	})
	for _, bad := range []string{`true`, `"x"`, `1e400`, `"1e3"`, `[]`} {
		var d einvoice.Decimal
		if err := json.Unmarshal([]byte(bad), &d); err == nil {
			t.Errorf("%s: got %s, want an error", bad, d)
		}
	}
}

func TestNumericJSONHasNumbersWhereAmountsAre(t *testing.T) {
	inv := full(t)
	raw, err := inv.NumericJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"grand":182.00`, `"rate":19`, `"quantity":10`, `"number":"F-2026/17"`, `"postCode":"10115"`, `"type":"380"`, `"total":97.00`} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s is missing in %s", want, raw)
		}
	}
}
