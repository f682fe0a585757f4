//go:build !linux

package pdfium

// confine does nothing: the module itself has no file system and no network.
func confine(uint32) (held, missing []string) {
	return nil, []string{"landlock and limits: only on Linux"}
}
