package feel

import (
	"regexp"
	"regexp/syntax"
	"strings"
)

const maxPattern = 2000 // bytes

// compile turns an XPath pattern (DMN 1.5 refers to XQuery 1.0 and XPath 2.0
// functions, section 7.6) into one of package regexp. The flags are s, m, i and
// x. Back-references, character class subtraction, and Unicode blocks have no
// counterpart there and are refused; so evaluation takes linear time.
func (ev *evaluator) compile(pos int, text string, flags Value) *pattern {
	var set string
	switch f := orNull(flags).(type) {
	case String:
		set = string(f)
	case Null:
	default:
		ev.warn(pos, "flags must be a string")
		return nil
	}
	prefix := ""
	for _, f := range set {
		switch f {
		case 's', 'm', 'i':
			prefix += string(f)
		case 'x':
		default:
			ev.warn(pos, "flag %q is not one of s, m, i and x", f)
			return nil
		}
	}
	if len(text) > maxPattern {
		ev.warn(pos, "pattern is longer than %d bytes", maxPattern)
		return nil
	}
	text, ok := fromXPath(text, strings.Contains(set, "x"), strings.Contains(set, "s"))
	if !ok {
		ev.warn(pos, "pattern: character class subtraction is not supported")
		return nil
	}
	if prefix != "" {
		prefix = "(?" + prefix + ")"
	}
	return ev.compileGo(pos, prefix+text)
}

// pattern is a compiled regular expression and about how many instructions it
// has, for a short text can repeat itself thousandfold.
type pattern struct {
	*regexp.Regexp
	size int
}

func (ev *evaluator) compileGo(pos int, text string) *pattern {
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		ev.warn(pos, "pattern: %v", err)
		return nil
	}
	size := sizeOfPattern(parsed)
	if !ev.spend(10 + size) {
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		ev.warn(pos, "pattern: %v", err)
		return nil
	}
	return &pattern{re, size}
}

func sizeOfPattern(re *syntax.Regexp) int {
	size := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		size += sizeOfPattern(sub)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return size
}

// fromXPath writes a pattern as package regexp reads it: without white space
// outside character classes if compact, with a dot that matches neither line end
// unless dotAll. It refuses [a-z-[aeiou]], which would mean something else.
func fromXPath(pattern string, compact, dotAll bool) (string, bool) {
	var b strings.Builder
	class := -1 // where the class that we are in begins
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case c == '\\' && i+1 < len(pattern):
			b.WriteByte(c)
			for i++; compact && class < 0 && i+1 < len(pattern) && isBlank(pattern[i]); i++ {
				continue // white space goes first, so that "\ s" is "\s"
			}
			c = pattern[i]
		case class < 0 && c == '[':
			class = i
		case class >= 0 && c == '[' && pattern[i-1] == '-':
			return "", false
		case c == ']' && class >= 0 && i > class+1 && (i > class+2 || pattern[i-1] != '^'):
			class = -1
		case class < 0 && compact && isBlank(c):
			continue
		case class < 0 && c == '.' && !dotAll:
			b.WriteString(`[^\n\r]`)
			continue
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// spendOnMatch counts the work of matching a pattern against s.
func (ev *evaluator) spendOnMatch(re *pattern, s string) bool {
	return ev.spend(1 + len(s)*(4+re.size)/64)
}

func matches(ev *evaluator, pos int, a []Value) Value {
	re := ev.compile(pos, str(a[1]), a[2])
	if re == nil || !ev.spendOnMatch(re, str(a[0])) {
		return Null{}
	}
	return Bool(re.MatchString(str(a[0])))
}

func replace(ev *evaluator, pos int, a []Value) Value {
	re := ev.compile(pos, str(a[1]), a[3])
	if re == nil || !ev.spendOnMatch(re, str(a[0])) {
		return Null{}
	}
	template, ok := replacement(str(a[2]), re.NumSubexp())
	if !ok {
		return ev.warn(pos, `replace: "$" must be followed by a digit, "\" by "$" or "\"`)
	}
	s := str(a[0])
	var out []byte
	last := 0
	for _, m := range re.FindAllStringSubmatchIndex(s, ev.lim.List) {
		out = append(out, s[last:m[0]]...)
		out = re.ExpandString(out, template, s, m)
		last = m[1]
		if !ev.spend(1) || len(out) > ev.lim.String {
			break
		}
	}
	out = append(out, s[last:]...)
	if !ev.fitsString(len(out)) {
		return Null{}
	}
	return String(out)
}

// replacement turns $1 into ${1}, \$ into $$. A number that no group has loses
// its last digits, as XPath says; a group that is not there is empty.
func replacement(s string, groups int) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			i++
			if i == len(s) || s[i] != '\\' && s[i] != '$' {
				return "", false
			}
			b.WriteString(pick(s[i] == '$', "$$", `\`))
		case '$':
			i++
			if i == len(s) || !isDigit(s[i]) {
				return "", false
			}
			n := int(s[i] - '0')
			for i+1 < len(s) && isDigit(s[i+1]) && n*10+int(s[i+1]-'0') <= groups {
				i++
				n = n*10 + int(s[i]-'0')
			}
			b.WriteString("${" + Int(int64(n)).String() + "}")
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

func split(ev *evaluator, pos int, a []Value) Value {
	re := ev.compile(pos, str(a[1]), nil)
	if re == nil || !ev.spendOnMatch(re, str(a[0])) {
		return Null{}
	}
	return ev.strings(re.Split(str(a[0]), ev.lim.List+1))
}

func extract(ev *evaluator, pos int, a []Value) Value {
	re := ev.compile(pos, str(a[1]), nil)
	if re == nil || !ev.spendOnMatch(re, str(a[0])) {
		return Null{}
	}
	return ev.strings(re.FindAllString(str(a[0]), ev.lim.List+1))
}

func (ev *evaluator) strings(parts []string) Value {
	if !ev.fits(len(parts)) {
		return Null{}
	}
	list := make(List, len(parts))
	for i, p := range parts {
		list[i] = String(p)
	}
	return list
}
