package einvoice

import "strings"

// A Level is how much of an invoice its profile promises to hold.
type Level string

// The levels, from least to most. [LevelZUGFeRD1] is beside the others.
const (
	LevelMinimum   Level = "minimum"   // no lines, no tax breakdown
	LevelBasicWL   Level = "basicwl"   // no lines
	LevelBasic     Level = "basic"     // lines, a subset of EN 16931
	LevelEN16931   Level = "en16931"   // EN 16931 itself, also COMFORT and Peppol
	LevelXRechnung Level = "xrechnung" // the German CIUS
	LevelExtended  Level = "extended"  // more than EN 16931
	LevelZUGFeRD1  Level = "zugferd1"  // ZUGFeRD 1.0, which is older than EN 16931
)

// Levels returns all levels.
func Levels() []Level {
	return []Level{LevelMinimum, LevelBasicWL, LevelBasic, LevelEN16931, LevelXRechnung, LevelExtended, LevelZUGFeRD1}
}

// levelOf returns the level of a specification identifier (BT-24). The
// identifiers of Factur-X 1.0 and of ZUGFeRD 2.0 to 2.3 end in the profile's
// name; one that nobody knows is held to EN 16931.
func levelOf(syntax Syntax, profile string) Level {
	if syntax == ZUGFeRD1 {
		return LevelZUGFeRD1
	}
	p := strings.ToLower(profile)
	_, name, _ := cutLast(p, ":")
	switch {
	case strings.Contains(p, "xrechnung"):
		return LevelXRechnung
	case name == "minimum":
		return LevelMinimum
	case name == "basicwl":
		return LevelBasicWL
	case name == "basic":
		return LevelBasic
	case name == "extended" || strings.Contains(p, "#conformant#"):
		return LevelExtended
	}
	return LevelEN16931
}

// extendsXRechnung reports whether the invoice is of XRechnung's extension, in
// which what is due may hold payments for third parties (BR-DEX-09).
func (inv *Invoice) extendsXRechnung() bool {
	return inv.Level == LevelXRechnung && strings.Contains(strings.ToLower(inv.Profile), ":extension:")
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// levels is a set of levels.
type levels uint8

// The sets that rules apply to. Extended is in none of the strict ones for
// amounts of which it has more than EN 16931.
const (
	inMinimum levels = 1 << iota
	inBasicWL
	inBasic
	inEN16931
	inXRechnung
	inExtended
	inZUGFeRD1

	inStandard  = inBasic | inEN16931 | inXRechnung // EN 16931 with lines, nothing added
	inLines     = inStandard | inExtended
	inBreakdown = inLines | inBasicWL
	inModern    = inBreakdown | inMinimum
	inAny       = inModern | inZUGFeRD1
)

func (l Level) set() levels {
	switch l {
	case LevelMinimum:
		return inMinimum
	case LevelBasicWL:
		return inBasicWL
	case LevelBasic:
		return inBasic
	case LevelXRechnung:
		return inXRechnung
	case LevelExtended:
		return inExtended
	case LevelZUGFeRD1:
		return inZUGFeRD1
	case LevelEN16931:
		return inEN16931
	}
	return inEN16931
}
