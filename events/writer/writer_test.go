package writer

import (
	"strings"
	"testing"
)

func TestNoTwoWritersHaveOneName(t *testing.T) {
	a, b := New(), New()
	version, nonce, ok := strings.Cut(a, "/")
	if a == b || !ok || version == "" || len(nonce) != 16 {
		t.Errorf("writers %s and %s, want <version>/<nonce>", a, b)
	}
}

func TestAVersionIsShort(t *testing.T) {
	const revision = "0123456789abcdef0123456789abcdef01234567"
	for _, c := range []struct{ version, revision, want string }{
		{"v1.4.0", revision, "v1.4.0"},
		{"(devel)", revision, "0123456789ab"},
		{"v0.0.0-20260102030405-0123456789ab+dirty", revision, "0123456789ab"},
		{"", "", "dev"},
		{"(devel)", "x", "dev"},
	} {
		if got := short(c.version, c.revision); got != c.want {
			t.Errorf("short(%q, %q) = %q, want %q", c.version, c.revision, got, c.want)
		}
	}
}

func TestAWriterSaysThatADocumentIsUnsealed(t *testing.T) {
	name := New()
	if said := Unsealed(name); IsUnsealed(name) || !IsUnsealed(said) || Unsealed(said) != said {
		t.Errorf("%s says %s", name, said)
	}
	if other := Unsealed("paid-99"); other != "paid-99" || IsUnsealed("a-stranger~") {
		t.Errorf("a name that is not of New became %s, or says that it is unsealed", other)
	}
}
