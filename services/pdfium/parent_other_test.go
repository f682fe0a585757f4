//go:build !linux

package pdfium_test

const (
	parentCommand   = "parent"
	confinedCommand = "confined"
)

func parent() {}

func confineAndTry() {}
