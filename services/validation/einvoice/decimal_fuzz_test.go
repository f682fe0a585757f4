package einvoice_test

import (
	"encoding/json"
	"testing"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"1", "-0.10", "+1.", ".5", "", "1e5", "00.00", "99999999999999999999999999999999999999", "1_0", "NaN", "Inf", ".00000000000000000000000000000000000000"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := einvoice.ParseDecimal(s)
		if err != nil {
			return
		}
		if d.IsZero() {
			t.Errorf("%q is read as no number", s)
		}
		raw, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var again einvoice.Decimal
		if err := json.Unmarshal(raw, &again); err != nil || !again.Equal(d) {
			t.Errorf("%q is %s, and then %v (%v)", s, raw, again, err)
		}
	})
}
