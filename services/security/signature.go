package security

import (
	"bytes"
	"crypto"
	_ "crypto/sha1"   // the digests that signatures use
	_ "crypto/sha256" // the same
	_ "crypto/sha512" // the same
	"encoding/asn1"
	"errors"
	"fmt"
	"time"

	"github.com/smallstep/pkcs7"

	"github.com/docsaga/docsaga/services/pdfium"
)

// A State says whether a signature fits the bytes that it covers.
type State string

// The states of a [Signature].
const (
	Intact    State = "intact"    // the bytes are those that were signed
	Altered   State = "altered"   // they are not
	Unchecked State = "unchecked" // a kind or form of signature that is not understood
)

// A Signature is one digital signature in the file. It says nothing about who
// signed: no certificate is checked.
type Signature struct {
	State     State  `json:"state"`
	Covers    string `json:"covers"` // file, revision (an earlier one), parts (more than the signature is left out), or empty
	SubFilter string `json:"subFilter,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

// check verifies one signature of the file (ISO 32000-1, 12.8).
func check(file []byte, s pdfium.Signature) (out Signature) {
	out = Signature{SubFilter: s.SubFilter, State: Unchecked}
	defer func() {
		if p := recover(); p != nil { // the parser of BER is not made for hostile input
			out.State, out.Detail = Unchecked, fmt.Sprintf("the signature cannot be read: %.100v", p)
		}
	}()
	signed, covers, err := signedBytes(file, s.ByteRange)
	if err != nil {
		out.Detail = err.Error()
		return out
	}
	out.Covers = covers
	if err := bounded(s.Contents); err != nil {
		out.Detail = "the signature cannot be read, or is too deep or too long"
		return out
	}
	p7, err := pkcs7.Parse(trimDER(s.Contents))
	if err != nil {
		out.Detail = fmt.Sprintf("the signature cannot be read: %.100v", err)
		return out
	}
	if err := verify(p7, signed, s.SubFilter); err != nil {
		out.State, out.Detail = Unchecked, fmt.Sprintf("%.100v", err)
		var mismatch *pkcs7.MessageDigestMismatchError
		if errors.As(err, &mismatch) || errors.Is(err, errDigest) {
			out.State, out.Detail = Altered, "the bytes are not those that were signed"
		}
		return out
	}
	out.State = Intact
	return out
}

var errDigest = errors.New("security: digest mismatch")

// verify checks the signature itself.
func verify(p7 *pkcs7.PKCS7, signed []byte, subFilter string) error {
	switch subFilter {
	case "adbe.pkcs7.sha1": // the content is the digest of the bytes
		digest := crypto.SHA1.New()
		digest.Write(signed)
		if !bytes.Equal(p7.Content, digest.Sum(nil)) {
			return errDigest
		}
	case "ETSI.RFC3161": // the content is a time stamp over the digest of the bytes
		if err := checkImprint(p7.Content, signed); err != nil {
			return err
		}
	default:
		p7.Content = signed
	}
	err := p7.Verify()
	var expired *pkcs7.SigningTimeNotValidError
	if !errors.As(err, &expired) {
		return err
	}
	// When it was signed is a matter of trust, which is not ours.
	for _, certificate := range p7.Certificates {
		certificate.NotBefore, certificate.NotAfter = time.Time{}, time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return p7.Verify()
}

// checkImprint compares the digest in a time stamp (RFC 3161, 2.4.2).
func checkImprint(content, signed []byte) error {
	var info struct {
		Version int
		Policy  asn1.ObjectIdentifier
		Imprint struct {
			Algorithm asn1.RawValue
			Digest    []byte
		}
	}
	var whole asn1.RawValue
	if _, err := asn1.Unmarshal(content, &whole); err != nil {
		return fmt.Errorf("time stamp: %w", err)
	}
	rest := whole.Bytes
	for _, field := range []any{&info.Version, &info.Policy, &info.Imprint} {
		var err error
		if rest, err = asn1.Unmarshal(rest, field); err != nil {
			return fmt.Errorf("time stamp: %w", err)
		}
	}
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		if hash.Size() == len(info.Imprint.Digest) {
			digest := hash.New()
			digest.Write(signed)
			if bytes.Equal(digest.Sum(nil), info.Imprint.Digest) {
				return nil
			}
		}
	}
	return errDigest
}

// signedBytes returns the bytes in the ranges, and what they cover: the file
// but for the signature itself, an earlier revision of it, or parts.
func signedBytes(file []byte, ranges []int) ([]byte, string, error) {
	if len(ranges) < 2 || len(ranges)%2 != 0 || ranges[0] != 0 {
		return nil, "", errors.New("no valid byte range")
	}
	var signed []byte
	end, covers := 0, "file"
	for i := 0; i < len(ranges); i += 2 {
		start, length := ranges[i], ranges[i+1]
		if start < end || length < 0 || start > len(file) || length > len(file)-start {
			return nil, "", errors.New("a byte range beyond the file")
		}
		if i > 0 && !isGap(file[end:start]) {
			covers = "parts"
		}
		signed = append(signed, file[start:start+length]...)
		end = start + length
	}
	if covers == "file" && len(bytes.Trim(file[end:], "\r\n \x00")) != 0 {
		covers = "revision"
	}
	return signed, covers, nil
}

// isGap reports whether b is no more than a hexadecimal string and white space, which is
// all that a signature may leave out.
func isGap(b []byte) bool {
	b = bytes.Trim(b, "\r\n\t \f\x00")
	b = bytes.TrimSuffix(bytes.TrimPrefix(b, []byte("<")), []byte(">")) // or the brackets are signed, too
	for _, c := range b {
		hex := '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
		if !hex && !bytes.ContainsRune([]byte("\r\n\t \f\x00"), rune(c)) {
			return false
		}
	}
	return true
}

// trimDER cuts off the zeros that fill up the room for a signature.
func trimDER(contents []byte) []byte {
	var whole asn1.RawValue
	if rest, err := asn1.Unmarshal(contents, &whole); err == nil {
		return contents[:len(contents)-len(rest)]
	}
	return contents // BER of indefinite length; its parser finds the end
}
