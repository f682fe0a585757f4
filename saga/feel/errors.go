package feel

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrLimit reports that an evaluation exceeded its [Limits].
var ErrLimit = errors.New("limit exceeded")

// ErrAssert reports that the condition of an assert() did not hold.
var ErrAssert = errors.New("assertion does not hold")

// SyntaxError says what is wrong in the text of an expression, and where.
type SyntaxError struct {
	Line, Column int // of the text, from 1; the column counts code points
	Message      string
}

// Error returns the place and the message.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("feel: line %d, column %d: %s", e.Line, e.Column, e.Message)
}

// Warning says why an evaluation gave null where a value may have been meant.
type Warning struct {
	Line, Column int // of the expression's text, from 1
	Message      string
}

// String returns the place and the message.
func (w Warning) String() string {
	return fmt.Sprintf("line %d, column %d: %s", w.Line, w.Column, w.Message)
}

// position returns the line and column of a byte offset.
func position(src string, offset int) (line, column int) {
	line, start := 1, 0
	for i := 0; i < offset && i < len(src); i++ {
		if src[i] == '\n' {
			line++
			start = i + 1
		}
	}
	return line, utf8.RuneCountInString(src[start:min(offset, len(src))]) + 1
}
