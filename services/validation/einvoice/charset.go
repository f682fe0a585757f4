package einvoice

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// decoded returns r as UTF-8 if its first bytes say that it is UTF-8 with a
// mark, or UTF-16 (XML 1.0, appendix F); anything else as it is.
func decoded(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	head, err := buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	switch {
	case hasPrefix(head, 0xEF, 0xBB, 0xBF):
		_, err := buffered.Discard(3)
		return buffered, err
	case hasPrefix(head, 0x00, 0x00, 0xFE, 0xFF), hasPrefix(head, 0xFF, 0xFE, 0x00, 0x00), hasPrefix(head, 0x00, 0x00, 0x00, '<'):
		return nil, errors.New("UTF-32 is not supported")
	case hasPrefix(head, 0xFE, 0xFF), hasPrefix(head, 0x00, '<', 0x00):
		return utf16(unicode.BigEndian).NewDecoder().Reader(buffered), nil
	case hasPrefix(head, 0xFF, 0xFE), hasPrefix(head, '<', 0x00):
		return utf16(unicode.LittleEndian).NewDecoder().Reader(buffered), nil
	}
	return buffered, nil
}

func utf16(order unicode.Endianness) encoding.Encoding {
	return unicode.UTF16(order, unicode.UseBOM)
}

func hasPrefix(head []byte, prefix ...byte) bool {
	return strings.HasPrefix(string(head), string(prefix))
}

// charsetReader returns input as UTF-8, from the encoding that the XML
// declaration names.
func charsetReader(label string, input io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(label)) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return input, nil
	case "utf-16", "utf-16le", "utf-16be":
		return input, nil // decoded by its first bytes; anything else fails as malformed
	case "iso-8859-1", "latin1", "iso8859-1":
		return charmap.ISO8859_1.NewDecoder().Reader(input), nil
	case "iso-8859-15", "latin9":
		return charmap.ISO8859_15.NewDecoder().Reader(input), nil
	case "windows-1252", "cp1252":
		return charmap.Windows1252.NewDecoder().Reader(input), nil
	}
	return nil, fmt.Errorf("encoding %.40q is not supported: use UTF-8, UTF-16, ISO-8859-1, ISO-8859-15 or Windows-1252", label)
}
