package feel_test

import (
	"fmt"
	"time"

	"github.com/docsaga/docsaga/saga/feel"
)

func ExampleParse() {
	guard, err := feel.Parse(`security.findings = 0 and count(pages[words > 100]) >= 2`)
	if err != nil {
		fmt.Println(err)
		return
	}
	document := feel.JSONScope([]byte(`{"security": {"findings": 0}, "pages": [{"words": 120}, {"words": 90}, {"words": 300}]}`))
	value, err := guard.Eval(document, feel.Limits{})
	fmt.Println(value, err, feel.IsTrue(value), guard.Names())
	// Output: true <nil> true [pages security words]
}

func ExampleParse_error() {
	_, err := feel.Parse("amount > 100\n  && approved")
	fmt.Println(err)
	// Output: feel: line 2, column 3: "&&" is not FEEL: write "and"
}

func ExampleExpr_Explain() {
	x, err := feel.Parse(`order.total + "5"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	value, warnings, err := x.Explain(feel.JSONScope([]byte(`{"order": {"total": 10}}`)), feel.Limits{})
	fmt.Println(value, warnings, err)
	// Output: null [line 1, column 13: number + string has no meaning] <nil>
}

func ExampleLimits() {
	due, err := feel.Parse(`string(today() + @"P14D")`)
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := due.Eval(nil, feel.Limits{Now: time.Date(2024, 2, 20, 9, 0, 0, 0, time.UTC)})
	fmt.Println(value, err)
	// Output: "2024-03-05" <nil>
}

func ExampleParseUnaryTests() {
	cell, err := feel.ParseUnaryTests(`< 18, [65..120]`)
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := cell.Eval(feel.NewContext(feel.Entry{Key: "?", Value: feel.Int(70)}), feel.Limits{})
	fmt.Println(value, err)
	// Output: true <nil>
}

func ExampleToJSON() {
	x, err := feel.Parse(`{sum: 0.1 + 0.2, due: @"2024-01-31" + @"P1M", tags: ["a", null]}`)
	if err != nil {
		fmt.Println(err)
		return
	}
	value, err := x.Eval(nil, feel.Limits{})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := feel.ToJSON(value)
	fmt.Println(string(text), err)
	// Output: {"sum":0.3,"due":"2024-02-29","tags":["a",null]} <nil>
}

func ExampleFromJUEL() {
	text, err := feel.FromJUEL(`${amount > 100 && !approved}`)
	fmt.Println(text, err)
	_, err = feel.FromJUEL(`${orderBean.isOpen(id)}`)
	fmt.Println(err)
	// Output:
	// amount > 100 and not(approved) <nil>
	// feel: line 1, column 3: method call "orderBean.isOpen(...)" is not supported: beans and their methods have no counterpart; compute the value in a service and pass it on
}
