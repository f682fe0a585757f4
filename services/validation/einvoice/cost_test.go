package einvoice_test

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/docsaga/docsaga/services/validation/einvoice"
)

// hostile are documents made to cost much, of about the given size.
func hostile(size int) map[string]string {
	fill := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	return map[string]string{
		"many empty elements":   head + fill("<a/>"),
		"many attributes":       head + fill("<a"+attributes(60)+"/>"),
		"many kept attributes":  head + fill(`<a name="1" schemeID="1" unitCode="1" currencyID="1"/>`),
		"one long text":         head + "<a>" + fill("x"),
		"one long name":         head + "<" + fill("x") + ">",
		"one long attribute":    head + `<a name="` + fill("x") + `"/>`,
		"one long comment":      head + "<!--" + fill("x") + "-->",
		"text between elements": head + fill("x<a/>"),
		"many namespaces":       head + fill(`<a xmlns:b="urn:c"/>`),
		"many problems":         head + "<SupplyChainTradeTransaction>" + fill("<IncludedSupplyChainTradeLineItem><SpecifiedLineTradeDelivery><BilledQuantity>x</BilledQuantity></SpecifiedLineTradeDelivery></IncludedSupplyChainTradeLineItem>") + "</SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>",
		"many lines":            head + "<SupplyChainTradeTransaction>" + fill("<IncludedSupplyChainTradeLineItem/>") + "</SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>",
	}
}

func TestTheRulesTakeTimeInProportionToTheInvoice(t *testing.T) {
	inv := full(t)
	line, tax := inv.Lines[0], inv.Taxes[0]
	for range 5_000 {
		inv.Lines = append(inv.Lines, line)
	}
	for range 498 {
		inv.Taxes = append(inv.Taxes, tax)
	}
	begin := time.Now()
	findings := einvoice.Check(&inv, einvoice.Rules(), nil)
	if took := time.Since(begin); took > 20*time.Second || len(findings) == 0 {
		t.Errorf("%d findings took %v", len(findings), took)
	}
	groups := strings.Repeat("<ApplicableTradeTax/>", 501)
	text := head + "<SupplyChainTradeTransaction><ApplicableHeaderTradeSettlement>" + groups + "</ApplicableHeaderTradeSettlement></SupplyChainTradeTransaction></rsm:CrossIndustryInvoice>"
	if _, err := einvoice.Read(strings.NewReader(text), einvoice.Limits{}); err == nil || !strings.Contains(err.Error(), "tax groups") {
		t.Errorf("501 tax groups: %v", err)
	}
}

func TestAHostileDocumentCostsNoMoreThanItsLimitsAllow(t *testing.T) {
	const size = 1 << 20
	rules := einvoice.Rules()
	for name, text := range hostile(size) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		inv, err := einvoice.Read(strings.NewReader(text), einvoice.Limits{})
		if err == nil {
			einvoice.Check(&inv, rules, nil)
		}
		runtime.ReadMemStats(&after)
		allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
		t.Logf("%s: %d MiB allocated in all, %v", name, allocated, err)
		if allocated > 150 {
			t.Errorf("%s: %d MiB allocated for %d MiB", name, allocated, size>>20)
		}
		if len(inv.Problems) > 20 {
			t.Errorf("%s: %d problems kept", name, len(inv.Problems))
		}
	}
}
