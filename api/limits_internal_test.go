package api

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

func TestTheOldestLimitIsForgottenNotAll(t *testing.T) {
	l := limits{rate: 0.1} // one at once
	if !l.allow("ann") || l.allow("ann") {
		t.Fatal("want one request allowed")
	}
	l.allow("oldest")
	for i := range 3 * maxLimiters {
		if l.allow(strconv.Itoa(i)); i%1000 == 0 && l.allow("ann") {
			t.Fatalf("after %d others the limit is forgotten", i)
		}
	}
	if len(l.each) != maxLimiters || l.used.Len() != maxLimiters {
		t.Errorf("%d limits are held, want %d", len(l.each), maxLimiters)
	}
	if !l.allow("oldest") {
		t.Error("the oldest is held still")
	}
}

func TestARequestThatIsGivenBackDoesNotCount(t *testing.T) {
	l := limits{rate: 0.1}
	for range 100 {
		if !l.allow("address") {
			t.Fatal("refused")
		}
		l.giveBack("address")
	}
	l.giveBack("address")
	if !l.allow("address") || l.allow("address") {
		t.Error("more was given back than was taken")
	}
}

func TestANetworkHasOneLimit(t *testing.T) {
	for address, want := range map[string]string{
		"[2001:db8:1:2::1]:99": "address 2001:db8:1:2::/64", "[2001:db8:1:2:ffff::9]:1": "address 2001:db8:1:2::/64", "[2001:db8:1:3::1]:1": "address 2001:db8:1:3::/64",
		"[fe80::1%eth0]:1": "address fe80::/64", "[::ffff:192.0.2.1]:5": "address 192.0.2.1", "192.0.2.1:5": "address 192.0.2.1", "pipe": "address pipe",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		if r.RemoteAddr = address; limitKey(r, Person{}, false) != want {
			t.Errorf("%s counts as %s, want %s", address, limitKey(r, Person{}, false), want)
		}
	}
}
