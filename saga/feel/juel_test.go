package feel

import (
	"errors"
	"strings"
	"testing"
)

func TestJUELConditionsBecomeFEEL(t *testing.T) {
	for src, want := range map[string]string{
		`${amount > 100 && !approved}`:               `amount > 100 and not(approved)`,
		`#{approved}`:                                `approved`,
		`Hello ${name}`:                              `"Hello " + string(get or else(name, ""))`,
		`${a}${b}`:                                   `string(get or else(a, "")) + string(get or else(b, ""))`,
		`${a} "b" #{c + 1}.`:                         `string(get or else(a, "")) + " \"b\" " + string(get or else(c + 1, "")) + "."`,
		`${1} x`:                                     `string(get or else(1, "")) + " x"`,
		`${'}'} x`:                                   `"}" + " x"`,
		` ${ approved } `:                            `approved`,
		`true`:                                       `true`,
		`${a == 1 || b != 'x'}`:                      `a = 1 or b != "x"`,
		`${a eq 1 or b ne "x" and c lt 2}`:           `a = 1 or b != "x" and c < 2`,
		`${(a or b) and c}`:                          `(a or b) and c`,
		`${a gt 1 and b le 2 and c ge 3}`:            `a > 1 and b <= 2 and c >= 3`,
		`${not cancelTx}`:                            `not(cancelTx)`,
		`${not empty list}`:                          `not(list = null or is(list, "") or is(list, []) or is(list, {}))`,
		`${invoiceId != null}`:                       `invoiceId != null`,
		`${order.customer.level == 'gold'}`:          `order.customer.level = "gold"`,
		`${items[0].price >= 10.5}`:                  `items[1].price >= 10.5`,
		`${headers['x-y'] == 1}`:                     `get value(headers, "x-y") = 1`,
		`${execution.getVariable('x') == 'y'}`:       `x = "y"`,
		`${execution.getVariable("my var") gt 1}`:    `my var > 1`,
		`${execution.getVariable("a-b")}`:            "`a-b`",
		`${execution.hasVariable('x')}`:              `is defined(x)`,
		`${status.equals("ok")}`:                     `status = "ok"`,
		`${!status.equals("ok")}`:                    `not(status = "ok")`,
		`${a ? 1 : b ? 2 : 3}`:                       `if a then 1 else if b then 2 else 3`,
		`${a + b * -2 - (c - 1) div 4 > 0}`:          `a + b * -2 - (c - 1) / 4 > 0`,
		`${in == 1}`:                                 "`in` = 1",
		`${$x == 1}`:                                 "`$x` = 1",
		`${nrOfCompletedInstances/nrOfInstances==1}`: `nrOfCompletedInstances / nrOfInstances = 1`,
		`${name == 'it\'s "so"'}`:                    `name = "it's \"so\""`,
	} {
		got, err := FromJUEL(src)
		if err != nil || got != want {
			t.Errorf("FromJUEL(%s)\n got %s, %v\nwant %s", src, got, err, want)
			continue
		}
		if _, err := Parse(got); err != nil {
			t.Errorf("FromJUEL(%s) = %s, which does not parse: %v", src, got, err)
		}
	}
}

func TestJUELThatHasNoCounterpartIsRefusedByName(t *testing.T) {
	for src, part := range map[string]string{
		`approved`:                         `begins with ${`,
		`${a`:                              `"}" was expected`,
		`${a {`:                            `unexpected character "{"`,
		`Hello ${`:                         `an expression was expected`,
		``:                                 `begins with ${`,
		`${bean.check(order)}`:             `method call "bean.check(...)"`,
		`${customer.prop("age").value()}`:  `method call "customer.prop(...)"`,
		`${execution.setVariable("x", 1)}`: `method call "execution.setVariable(...)"`,
		`${fn:length(x)}`:                  `function "fn:..."`,
		`${check(x)}`:                      `function call "check(...)"`,
		`${list[i]}`:                       `index that is no literal`,
		`${a % 2 == 0}`:                    `"%" is not translated`,
		`${a mod 2}`:                       `"mod" is not translated`,
		`${a = 1}`:                         `assignment`,
		`${a ==}`:                          `found "}" where an expression`,
		`${}`:                              `found "}" where an expression`,
		`${x instanceof y}`:                `found "instanceof"`,
		`${empty (empty x)}`:               `"empty" within "empty"`,
		`${'a}`:                            `string does not end`,
		`${a..b}`:                          `a property's name`,
		"${\xff}":                          `not UTF-8`,
	} {
		_, err := FromJUEL(src)
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), part) {
			t.Errorf("FromJUEL(%s)\n got %v\nwant %s", src, err, part)
		}
	}
}

func TestTranslatedJUELMeansTheSame(t *testing.T) {
	for src, want := range map[string]bool{
		`${empty nothing}`:          true,
		`${empty text}`:             true,
		`${empty list}`:             true,
		`${empty amount}`:           false,
		`${not empty amount}`:       true,
		`${items[1] == 20}`:         true,
		`${amount > 5 ? ok : null}`: true,
	} {
		text, err := FromJUEL(src)
		if err != nil {
			t.Errorf("FromJUEL(%s): %v", src, err)
			continue
		}
		got := eval(t, text, `{"text": "", "list": [], "amount": 7, "items": [10, 20], "ok": true}`)
		if IsTrue(got) != want {
			t.Errorf("%s as %s = %v, want %v", src, text, got, want)
		}
	}
}

func FuzzFromJUEL(f *testing.F) {
	f.Add(`${amount > 100 && !approved}`)
	f.Add(`#{a['b'][0].c ? empty d : execution.getVariable("x").equals('y')}`)
	f.Fuzz(func(t *testing.T, src string) {
		text, err := FromJUEL(src)
		if err != nil {
			return
		}
		if _, err := Parse(text); err != nil {
			t.Errorf("FromJUEL(%q) = %q, which does not parse: %v", src, text, err)
		}
	})
}
