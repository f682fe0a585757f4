package einvoice

import (
	"strings"
	"time"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
)

func paymentRules() []Rule {
	return []Rule{
		{"BR-49", "Payment instructions have a payment means code (BT-81).", Warn, inBreakdown, func(inv *Invoice) string {
			return everyMeans(inv, func(p PaymentMeans) string { return missing(p.Code != "", "the code") })
		}},
		{"BR-61", "A credit transfer has a payment account (BT-84).", Warn, inBreakdown, func(inv *Invoice) string {
			return everyMeans(inv, func(p PaymentMeans) string {
				transfer := p.Code == "30" || p.Code == "58" // UNTDID 4461: credit transfer, SEPA credit transfer
				return missing(!transfer || p.Account != "", "the account")
			})
		}},
		{"BR-CO-25", "If there is an amount due (BT-115), a due date (BT-9) or payment terms (BT-20) are given.", Warn, inBreakdown, func(inv *Invoice) string {
			return missing(inv.Totals.Due.Sign() <= 0 || inv.DueDate != "" || inv.Payment.Terms != "", "either")
		}},
		{"BR-DE-1", "An XRechnung has payment instructions (BG-16).", Warn, inXRechnung, func(inv *Invoice) string {
			return missing(len(inv.Payment.Means) > 0, "payment instructions")
		}},
	}
}

func everyMeans(inv *Invoice, broken func(PaymentMeans) string) string {
	for _, means := range inv.Payment.Means {
		if detail := broken(means); detail != "" {
			return detail
		}
	}
	return ""
}

func codeRules() []Rule {
	return []Rule{
		code("BR-CL-1", "The type code (BT-3) is one of UNTDID 1001 that EN 16931 takes.", func(inv *Invoice) []string {
			return []string{inv.Type}
		}, func(code string) bool { return listed(typeCodes, code) }),
		code("BR-CL-4", "The currency code (BT-5) is one of ISO 4217.", func(inv *Invoice) []string {
			return []string{inv.Currency}
		}, isCurrency),
		code("BR-CL-5", "The accounting currency code (BT-6) is one of ISO 4217.", func(inv *Invoice) []string {
			return []string{inv.TaxCurrency}
		}, isCurrency),
		code("BR-CL-14", "Country codes are of ISO 3166-1.", func(inv *Invoice) []string {
			codes := []string{inv.Seller.country(), inv.Buyer.country()}
			if inv.Delivery.To != nil {
				codes = append(codes, inv.Delivery.To.country())
			}
			return codes
		}, isCountry),
		code("BR-CL-16", "Payment means codes (BT-81) are of UNTDID 4461.", func(inv *Invoice) []string {
			var codes []string
			for _, means := range inv.Payment.Means {
				codes = append(codes, means.Code)
			}
			return codes
		}, func(code string) bool { return listed(paymentCodes, code) }),
		code("BR-CL-17", "Tax categories are those of UNTDID 5305 that EN 16931 takes.", func(inv *Invoice) []string {
			var codes []string
			for _, tax := range inv.Taxes {
				codes = append(codes, tax.Category)
			}
			for _, line := range inv.Lines {
				codes = append(codes, line.Category)
			}
			return codes
		}, func(code string) bool { return listed(categoryCodes, code) }),
		{"DS-DATE", "The issue date (BT-2) is a date.", Warn, inAny, func(inv *Invoice) string {
			return missing(inv.Date == "" || isDate(inv.Date), "a readable date")
		}},
	}
}

// code makes a rule that the codes which are given are in a list.
func code(id, text string, codes func(*Invoice) []string, valid func(string) bool) Rule {
	return Rule{id, text, Warn, inModern, func(inv *Invoice) string {
		for _, code := range codes(inv) {
			if code != "" && !valid(code) {
				return "an unknown code of " + shape(code)
			}
		}
		return ""
	}}
}

// shape tells of a value without telling the value, which may be anything.
func shape(code string) string {
	if len(code) <= 3 {
		return "the form " + strings.Map(func(r rune) rune {
			switch {
			case r >= '0' && r <= '9':
				return '9'
			case r >= 'A' && r <= 'Z':
				return 'A'
			}
			return 'a'
		}, code)
	}
	return "more than three characters"
}

// Code lists, of the EN 16931 code lists published by the CEN.
const (
	// UNTDID 1001, invoices and credit notes.
	typeCodes = " 71 80 81 82 83 84 102 130 202 203 204 211 218 219 261 262 295 296 308 325 326 331 380 381 382 383 384 385 386" +
		" 387 388 389 390 393 394 395 396 420 456 457 458 471 472 473 500 501 502 503 527 532 553 575 623 633 751 780 817 870 875 876 877 935 "
	// UNTDID 4461.
	paymentCodes = " 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39" +
		" 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64 65 66 67 68 70 74 75 76 77 78 91 92 93 94 95 96 97 98 ZZZ "
	// UNTDID 5305; B is Italy's split payment.
	categoryCodes = " S Z E AE K G O L M B "
)

func listed(list, code string) bool {
	return !strings.Contains(code, " ") && strings.Contains(list, " "+code+" ")
}

func isCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && len(code) == 3 && strings.ToUpper(code) == code
}

// isCountry takes ISO 3166-1 alpha-2, EL for Greece as tax offices write it,
// XI for Northern Ireland and 1A for Kosovo.
func isCountry(code string) bool {
	switch code {
	case "EL", "XI", "1A":
		return true
	}
	region, err := language.ParseRegion(code)
	return err == nil && len(code) == 2 && strings.ToUpper(code) == code && region.IsCountry()
}

func isDate(text string) bool {
	_, err := time.Parse(time.DateOnly, text)
	return err == nil
}
