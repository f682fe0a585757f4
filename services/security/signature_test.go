package security_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/docsaga/docsaga/services/pdfium"
	"github.com/docsaga/docsaga/services/pdfium/pdfiumtest"
	"github.com/docsaga/docsaga/services/security"
)

const roomForSignature = 4000 // hexadecimal digits

// signedPDF returns a file with one signature. The signer's certificate is
// valid from then on for an hour.
func signedPDF(t *testing.T, then time.Time) []byte {
	t.Helper()
	contents := "<" + strings.Repeat("0", roomForSignature) + ">"
	pdf := []byte("%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R/AcroForm<</SigFlags 3/Fields[4 0 R]>>>>endobj\n" +
		"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots[4 0 R]>>endobj\n" +
		"4 0 obj<</Type/Annot/Subtype/Widget/FT/Sig/T(s)/Rect[0 0 0 0]/V 5 0 R>>endobj\n" +
		"5 0 obj<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/adbe.pkcs7.detached/ByteRange[0 AAAAAAAA BBBBBBBB CCCCCCCC]/Contents" + contents +
		">>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
	start := bytes.Index(pdf, []byte(contents))
	end := start + len(contents)
	for mark, n := range map[string]int{"AAAAAAAA": start, "BBBBBBBB": end, "CCCCCCCC": len(pdf) - end} {
		pdf = bytes.Replace(pdf, []byte(mark), fmt.Appendf(nil, "%8d", n), 1)
	}
	signature := hex.EncodeToString(sign(t, slices.Concat(pdf[:start], pdf[end:]), then))
	if len(signature) > roomForSignature {
		t.Fatalf("a signature of %d digits", len(signature))
	}
	copy(pdf[start+1:], signature)
	return pdf
}

func sign(t *testing.T, content []byte, then time.Time) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: then, NotAfter: then.Add(time.Hour),
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), crypto.Signer(key))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(encoded)
	if err != nil {
		t.Fatal(err)
	}
	data, err := pkcs7.NewSignedData(content)
	if err != nil {
		t.Fatal(err)
	}
	data.SetDigestAlgorithm(pkcs7.OIDDigestAlgorithmSHA256)
	if err := data.AddSigner(certificate, key, pkcs7.SignerInfoConfig{}); err != nil {
		t.Fatal(err)
	}
	data.Detach()
	signature, err := data.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestSignaturesAreReportedAsTheyStand(t *testing.T) {
	pool := pdfiumtest.Pool(t, pdfium.Config{})
	now := time.Now().Add(-time.Minute)
	good := signedPDF(t, now)
	altered := bytes.Replace(good, []byte("[0 0 9 9]"), []byte("[0 0 9 8]"), 1)
	broken := bytes.Replace(good, []byte("Contents<30"), []byte("Contents<31"), 1)
	gap := bytes.Replace(good, fmt.Appendf(nil, "%8d", bytes.Index(good, []byte("<30"))), fmt.Appendf(nil, "%8d", 100), 1)
	for _, c := range []struct {
		name   string
		file   []byte
		state  security.State
		covers string
		flag   bool
	}{
		{"the whole file", good, security.Intact, "file", false},
		{"an earlier revision", append(slices.Clone(good), "6 0 obj 1 endobj\n%%EOF\n"...), security.Intact, "revision", false},
		{"a certificate that was not yet valid", signedPDF(t, now.Add(24*time.Hour)), security.Intact, "file", false},
		{"a byte that changed", altered, security.Altered, "file", true},
		{"no signature that can be read", broken, security.Unchecked, "file", false},
		{"more left out than itself", gap, security.Altered, "parts", true},
	} {
		got, err := visit(t, security.Config{}, pool, c.file)
		if err != nil || len(got.Signatures) != 1 {
			t.Errorf("%s: got %+v, %v, want one signature", c.name, got.Signatures, err)
			continue
		}
		flagged := slices.ContainsFunc(got.Findings, func(f security.Finding) bool { return f.Kind == security.AlteredSignature })
		if s := got.Signatures[0]; s.State != c.state || s.Covers != c.covers || flagged != c.flag {
			t.Errorf("%s: got %+v, flagged %v, want %s, %s, %v", c.name, s, flagged, c.state, c.covers, c.flag)
		}
	}
}
