//go:build !linux

package pdfium_test

const parentCommand = "parent"

func parent() {}
