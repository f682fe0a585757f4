package samples

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// TestKeysAreThoseThatAnotherWriterMakes compares with what qpdf 11 writes for
// the passwords "secret" and "secret owner" and the same file identifier.
func TestKeysAreThoseThatAnotherWriterMakes(t *testing.T) {
	for kind, want := range map[Encryption]struct{ o, u string }{
		RC4x40: {"d63a57ca921abd0845697f37f6083c58c48b4c3efa01e043d39bf320bdc321b8", "5edb1340de67547e82168720b23b3cec60833d7ee33cc7372d38cfb79dd5cfc8"},
		RC4:    {"82bb37cd30dafed13a56e83890255b322d8126b1d0de9ad2f2ea683a477a33b8", "3b9e24fdb1db4b6c0407d8e7e6fdc585"}, // of U, 16 bytes count
		AES128: {"82bb37cd30dafed13a56e83890255b322d8126b1d0de9ad2f2ea683a477a33b8", "3b9e24fdb1db4b6c0407d8e7e6fdc585"},
	} {
		got := strings.ToLower(newCrypt(kind, "secret").dictionary)
		if !strings.Contains(got, "/o <"+want.o+">") || !strings.Contains(got, "/u <"+want.u) {
			t.Errorf("kind %d:\n got %s\nwant O %s U %s", kind, got, want.o, want.u)
		}
	}
}

// TestTheHashOfRevision6IsThatOfAnotherWriter takes salts, hashes and the
// wrapped key from a file that qpdf 11 wrote, as a reader would.
func TestTheHashOfRevision6IsThatOfAnotherWriter(t *testing.T) {
	o := unhex(t, "670895da95eb5475b9fa425fd095c388c65bc68b120471c1186c6e06c53bd5f7beb7bae4875c7151fd801fad9f6c6295")
	u := unhex(t, "662c7f8455b64fc0d4d16254cb2a2d26c0b6ced7cbe316e0e76934a65531b5be492bc8987f105571b9f6aced4e9e7bf1")
	user, owner := []byte("secret"), []byte("secret owner")
	if got := hash2B(user, u[32:40], nil); !bytes.Equal(got, u[:32]) {
		t.Errorf("user: %x, want %x", got, u[:32])
	}
	if got := hash2B(owner, o[32:40], u); !bytes.Equal(got, o[:32]) {
		t.Errorf("owner: %x, want %x", got, o[:32])
	}
	byUser := unwrapped(t, hash2B(user, u[40:], nil), unhex(t, "4ec13344a4dfbe703220e3c4b5943609a17fb8b60ece27f8f9a4dfc1a7bcff37"))
	byOwner := unwrapped(t, hash2B(owner, o[40:], u), unhex(t, "186e971cfce9768db069e2ac72d68d70e101d7b2f48ac8e355101cd737e8493c"))
	if !bytes.Equal(byUser, byOwner) {
		t.Errorf("two keys of one file: %x, %x", byUser, byOwner)
	}
}

// TestTheHashEndsInTheRightRound takes passwords, and U of files of qpdf 11, of
// which each would be another one if the rounds were counted from 1 off.
func TestTheHashEndsInTheRightRound(t *testing.T) {
	for password, digits := range map[string]string{
		"p62": "d85782a986245baf3eec7fb2e4d86f19b56306d921001d5c42a9f0b1ae112fcb6af6b34072f3f96a7aed38941aa5bcee",
		"p68": "ff9c1429afa9c1494dc6e0e3006eba2a1704ae0697aa732f85382834a5c371ea70f1b20f07010a3bba41d48d1ca75009",
		"p84": "da5d7ecf18b41f6518e3a94b195f7a1aab6c5eeea2dc288ed4f2c71dd7133f2afb71ff67a2199a23bf68cd175ecf4693",
		"p94": "8f6f3fc387dd8aad6e7b1fb550538a766f0307da86e5240daa44ebb4ab95c158d8405b95052f0d9de912b01d980ccaf1",
	} {
		if u := unhex(t, digits); !bytes.Equal(hash2B([]byte(password), u[32:40], nil), u[:32]) {
			t.Errorf("%s: another hash than %x", password, u[:32])
		}
	}
}

// TestRevision6OpensAsAReaderWouldOpenIt reads our own dictionary back.
func TestRevision6OpensAsAReaderWouldOpenIt(t *testing.T) {
	c := newCrypt(AES256, "needed")
	value := func(key string) []byte {
		_, rest, _ := strings.Cut(c.dictionary, "/"+key+" <")
		digits, _, _ := strings.Cut(rest, ">")
		return unhex(t, digits)
	}
	o, u := value("O"), value("U")
	if len(o) != 48 || len(u) != 48 || len(value("Perms")) != 16 {
		t.Fatalf("lengths: O %d, U %d, Perms %d", len(o), len(u), len(value("Perms")))
	}
	if bytes.Equal(hash2B([]byte("wrong"), u[32:40], nil), u[:32]) || !bytes.Equal(hash2B([]byte("needed"), u[32:40], nil), u[:32]) {
		t.Error("the wrong password opens, or the right one does not")
	}
	for key, wrapping := range map[string][]byte{"UE": hash2B([]byte("needed"), u[40:], nil), "OE": hash2B([]byte("needed owner"), o[40:], u)} {
		if got := unwrapped(t, wrapping, value(key)); !bytes.Equal(got, c.key) {
			t.Errorf("%s holds %x, want %x", key, got, c.key)
		}
	}
	perms := make([]byte, 16)
	decrypter(t, c.key).Decrypt(perms, value("Perms"))
	if want := "\xfc\xff\xff\xff\xff\xff\xff\xffTadb"; string(perms[:12]) != want {
		t.Errorf("permissions %q, want %q", perms[:12], want)
	}
}

func TestStreamsDecryptToWhatTheyWere(t *testing.T) {
	for _, size := range []int{0, 1, 15, 16, 17, 1000} {
		plain := bytes.Repeat([]byte("x"), size)
		for _, kind := range []Encryption{RC4x40, RC4, AES128, AES256} {
			c := newCrypt(kind, "p")
			data := c.encrypt(12, 0, plain)
			if kind == RC4x40 || kind == RC4 {
				if got := rc4ed(c.objectKey(12), data); !bytes.Equal(got, plain) {
					t.Errorf("kind %d, %d bytes: %q", kind, size, got)
				}
				continue
			}
			key := c.key
			if kind == AES128 {
				key = c.objectKey(12)
			}
			got := make([]byte, len(data)-16)
			cipher.NewCBCDecrypter(decrypter(t, key), data[:16]).CryptBlocks(got, data[16:])
			if pad := int(got[len(got)-1]); pad != 16-size%16 || !bytes.Equal(got[:len(got)-pad], plain) {
				t.Errorf("kind %d, %d bytes: padded by %d", kind, size, pad)
			}
		}
	}
}

func TestKeysOfObjectsAreAsLongAsTheStandardSays(t *testing.T) {
	for kind, want := range map[Encryption]int{RC4x40: 10, RC4: 16, AES128: 16} {
		c := newCrypt(kind, "p")
		if got := len(c.objectKey(1)); got != want || bytes.Equal(c.objectKey(1), c.objectKey(2)) {
			t.Errorf("kind %d: %d bytes, want %d, other ones for each object", kind, got, want)
		}
	}
}

func unhex(t *testing.T, digits string) []byte {
	t.Helper()
	b, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(fmt.Errorf("%q: %w", digits, err))
	}
	return b
}

func decrypter(t *testing.T, key []byte) cipher.Block {
	t.Helper()
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

// unwrapped decrypts a file key.
func unwrapped(t *testing.T, with, key []byte) []byte {
	t.Helper()
	out := make([]byte, len(key))
	cipher.NewCBCDecrypter(decrypter(t, with), make([]byte, aes.BlockSize)).CryptBlocks(out, key)
	return out
}
