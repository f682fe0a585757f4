package pdfium_test

import (
	"bytes"
	"fmt"
	"strings"
)

// buildPDF returns a file with the objects given, numbered from 1. Object 1
// is the catalog.
func buildPDF(trailer string, objects ...string) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n")
	offsets := make([]int, 0, len(objects))
	for i, object := range objects {
		offsets = append(offsets, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, offset := range offsets {
		fmt.Fprintf(&out, "%010d 00000 n \n", offset)
	}
	fmt.Fprintf(&out, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, trailer, start)
	return out.Bytes()
}

func stream(dict, data string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", dict, len(data), data)
}

// onePage returns a file with one page that has the content given; more
// objects follow as number 6 and on.
func onePage(content string, more ...string) []byte {
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>/XObject<</X 6 0 R>>>>>>",
		stream("", content),
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}
	return buildPDF("", append(objects, more...)...)
}

// bombPDF draws a form that draws a form ten times, and so on: pdfium keeps
// all of them.
func bombPDF() []byte {
	const levels = 12
	var forms []string
	for level := range levels {
		next := fmt.Sprintf("/Resources<</XObject<</X %d 0 R>>>>", 7+level)
		body := strings.Repeat("q 1 0 0 1 1 0 cm /X Do Q\n", 10)
		if level == levels-1 {
			next, body = "", "0 0 10 10 re f\n"
		}
		forms = append(forms, stream("/Type/XObject/Subtype/Form/BBox[0 0 200 100]"+next, body))
	}
	return onePage("/X Do", forms...)
}

// slowPDF paints its page so often that drawing it takes much longer than any
// deadline.
func slowPDF() []byte {
	const function = "<</FunctionType 2/Domain[0 1]/C0[0 0 0]/C1[1 1 1]/N 1.5>>"
	pdf := onePage(strings.Repeat("/S sh\n", 20_000))
	shading := "/Shading<</S<</ShadingType 3/ColorSpace/DeviceRGB/Coords[0 0 0 200 100 300]/Extend[true true]/Function " + function + ">>>>"
	return bytes.Replace(pdf, []byte("/XObject<</X 6 0 R>>"), []byte(shading), 1) // pdfium finds the objects again
}
