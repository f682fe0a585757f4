package security

import (
	"bytes"
	"strings"
	"testing"

	"github.com/docsaga/docsaga/services/pdfium"
)

// TestASignatureThatIsNestedMillionsDeepIsNotParsed is about its parser, which
// would end the whole process for want of stack.
func TestASignatureThatIsNestedMillionsDeepIsNotParsed(t *testing.T) {
	many := bytes.Repeat([]byte{4, 0}, 8<<20-10)
	for name, contents := range map[string][]byte{
		"indefinite":   bytes.Repeat([]byte("\x30\x80"), 8<<20),
		"definite":     bytes.Repeat([]byte("\x30\x84\x0f\xff\xff\xff"), 2<<20),
		"long tag":     bytes.Repeat([]byte("\x3f\x01\x80"), 5<<20),
		"many objects": append([]byte{0x30, 0x83, byte(len(many) >> 16), byte(len(many) >> 8), byte(len(many))}, many...),
		"no end":       bytes.Repeat([]byte{0x3f, 0xff}, 8<<20),
	} {
		got := check([]byte("0123456789"), pdfium.Signature{SubFilter: "adbe.pkcs7.detached", Contents: contents, ByteRange: []int{0, 3, 5, 5}})
		if got.State != Unchecked || !strings.Contains(got.Detail, "too deep or too long") {
			t.Errorf("%s: %+v, want it not to be parsed", name, got)
		}
	}
}

func TestTheWalkOverBEREndsWhereTheObjectDoes(t *testing.T) {
	for name, c := range map[string]struct {
		ber string
		end int // 0 for none
	}{
		"empty":                       {"", 0},
		"null and zeros":              {"\x05\x00\x00\x00\x00", 2},
		"cut tag":                     {"\x1f", 0},
		"long tag":                    {"\x1f\x81\x01\x01x", 5},
		"cut length":                  {"\x04\x82\x01", 0},
		"long length":                 {"\x04\x81\x02ab", 5},
		"five bytes of length":        {"\x04\x85\x00\x00\x00\x00\x01a", 0},
		"longer than there is":        {"\x04\x03ab", 0},
		"sequence":                    {"\x30\x04\x05\x00\x05\x00!", 6},
		"sequence of no end":          {"\x30\x80\x05\x00\x00\x00!", 6},
		"one in the other":            {"\x30\x80\x30\x80\x05\x00\x00\x00\x00\x00!", 10},
		"without its end":             {"\x30\x80\x05\x00", 0},
		"primitive of no end":         {"\x04\x80\x05\x00\x00\x00", 0},
		"64 levels":                   {strings.Repeat("\x30\x80", 63) + "\x05\x00" + strings.Repeat("\x00\x00", 63), 4*63 + 2},
		"65 levels":                   {strings.Repeat("\x30\x80", 64) + "\x05\x00" + strings.Repeat("\x00\x00", 64), 0},
		"an empty one of no end":      {"\x30\x80\x00\x00\x00\x00", 6}, // as its parser has it: there is an object before
		"an inner one beyond its end": {"\x30\x02\x04\x03abc", 4},
	} {
		w := berWalk{ber: []byte(c.ber), left: 100}
		end, err := w.object(0, maxBERDepth)
		if (err == nil) != (c.end > 0) || end != c.end {
			t.Errorf("%s: ends at %d, %v, want %d", name, end, err, c.end)
		}
	}
}
