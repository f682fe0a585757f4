package samples

import (
	"archive/zip"
	"bytes"
	"io"
	"testing"
)

func TestTheArchiveOfZerosIsAGoodArchive(t *testing.T) {
	content := zippedZeros("a.bin", 3)
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil || len(z.File) != 1 || z.File[0].Name != "a.bin" {
		t.Fatal(z, err)
	}
	r, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r) // checks the CRC at the end
	if err != nil || !bytes.Equal(got, make([]byte, 3<<20)) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}
