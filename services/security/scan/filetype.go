package scan

import "bytes"

// TypeOf returns what a file is by its first bytes: pdf, executable, script,
// zip, ole, xml, png, jpeg, gif, text or data.
func TypeOf(data []byte) string {
	for _, known := range []struct{ prefix, kind string }{
		{"MZ", "executable"}, // DOS and Windows
		{"\x7fELF", "executable"},
		{"\xfe\xed\xfa\xce", "executable"}, // Mach-O
		{"\xfe\xed\xfa\xcf", "executable"},
		{"\xce\xfa\xed\xfe", "executable"},
		{"\xcf\xfa\xed\xfe", "executable"},
		{"\xca\xfe\xba\xbe", "executable"},              // Java class, Mach-O for several processors
		{"L\x00\x00\x00\x01\x14\x02\x00", "executable"}, // Windows shortcut
		{"dex\n", "executable"},
		{"\x00asm", "executable"},
		{"#!", "script"},
		{"PK\x03\x04", "zip"},
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"},
		{"\x89PNG", "png"},
		{"\xff\xd8\xff", "jpeg"},
		{"GIF8", "gif"},
		{"<?xml", "xml"},
		{"\xef\xbb\xbf<?xml", "xml"},
	} {
		if bytes.HasPrefix(data, []byte(known.prefix)) {
			if known.prefix == "MZ" && len(data) < 64 {
				continue // shorter than the header
			}
			return known.kind
		}
	}
	if bytes.Contains(data[:min(len(data), 1024)], []byte("%PDF-")) {
		return "pdf"
	}
	for _, c := range data[:min(len(data), 1024)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' {
			return "data"
		}
	}
	return "text"
}
