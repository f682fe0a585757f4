package samples

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5" //nolint:gosec // the PDF format asks for it
	"crypto/rc4" //nolint:gosec // the PDF format asks for it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
)

// An Encryption is a way of the standard security handler (ISO 32000-2,
// 7.6.4). The zero Encryption is none.
type Encryption int

// The encryptions that can be written.
const (
	Clear  Encryption = iota
	RC4x40            // revision 2, 40 bits
	RC4               // revision 3, 128 bits
	AES128            // revision 4, AESV2
	AES256            // revision 6, AESV3
)

// A crypt encrypts the strings and streams of one file.
type crypt struct {
	kind       Encryption
	key        []byte
	dictionary string
}

// permissions are those of every encrypted file that is written: all.
const permissions int32 = -4

// newCrypt returns what encrypts a file so that the user's password is needed
// to read it, or nil for [Clear]. Salts and keys follow from the password.
func newCrypt(kind Encryption, password string) *crypt {
	switch kind {
	case Clear:
		return nil
	case AES256:
		return newCryptR6(password)
	case RC4x40, RC4, AES128:
	}
	return newCryptR4(kind, password)
}

func (c *crypt) trailer() string { return "/Encrypt " + c.dictionary }

// object returns the object's value with its strings, and its stream,
// encrypted.
func (c *crypt) object(number int, o object) (value string, data []byte) {
	data = o.stream
	if data != nil {
		data = c.encrypt(number, 0, data)
	}
	return c.encryptStrings(number, o.value), data
}

// encryptStrings writes each string in a PDF value anew, encrypted, in
// hexadecimal.
func (c *crypt) encryptStrings(number int, value string) string {
	var b strings.Builder
	for i := 0; i < len(value); {
		var plain []byte
		var end int
		switch {
		case value[i] == '(':
			plain, end = literal(value, i)
		case value[i] == '<' && !strings.HasPrefix(value[i:], "<<"):
			end = i + strings.IndexByte(value[i:], '>') + 1
			plain, _ = hex.DecodeString(value[i+1 : end-1])
		case strings.HasPrefix(value[i:], "<<"):
			b.WriteString("<<")
			i += 2
			continue
		default:
			b.WriteByte(value[i])
			i++
			continue
		}
		fmt.Fprintf(&b, "<%X>", c.encrypt(number, i, plain))
		i = end
	}
	return b.String()
}

// literal reads the literal string that begins at i and returns it and where
// it ends. It knows the escapes that escape writes.
func literal(value string, i int) (plain []byte, end int) {
	depth := 0
	for ; i < len(value); i++ {
		switch c := value[i]; c {
		case '\\':
			i++
			c = value[i]
			if c == 'r' {
				c = '\r'
			}
			plain = append(plain, c)
		case '(':
			if depth++; depth > 1 {
				plain = append(plain, c)
			}
		case ')':
			if depth--; depth == 0 {
				return plain, i + 1
			}
			plain = append(plain, c)
		default:
			plain = append(plain, c)
		}
	}
	return plain, i
}

// encrypt encrypts a string or stream of the object; place sets the
// initialization vectors of one object apart.
func (c *crypt) encrypt(number, place int, plain []byte) []byte {
	key := c.key
	if c.kind != AES256 {
		key = c.objectKey(number)
	}
	if c.kind == RC4x40 || c.kind == RC4 {
		return rc4ed(key, plain)
	}
	iv := derive(c.key, fmt.Sprintf("iv %d %d", number, place))[:aes.BlockSize]
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	padded := append(append([]byte{}, plain...), strings.Repeat(string(rune(pad)), pad)...)
	return append(iv, cbc(key, iv, padded)...)
}

// objectKey is algorithm 1.
func (c *crypt) objectKey(number int) []byte {
	seed := append(append([]byte{}, c.key...), byte(number), byte(number>>8), byte(number>>16), 0, 0)
	if c.kind == AES128 {
		seed = append(seed, "sAlT"...)
	}
	sum := md5.Sum(seed) //nolint:gosec // as above
	return sum[:min(len(c.key)+5, 16)]
}

// padding fills passwords of revisions 2 to 4 to 32 bytes.
const padding = "\x28\xBF\x4E\x5E\x4E\x75\x8A\x41\x64\x00\x4E\x56\xFF\xFA\x01\x08\x2E\x2E\x00\xB6\xD0\x68\x3E\x80\x2F\x0C\xA9\xFE\x64\x53\x69\x7A"

func padded(password string) []byte { return []byte((password + padding)[:32]) }

// newCryptR4 follows algorithms 2 to 5, for revisions 2, 3 and 4.
func newCryptR4(kind Encryption, password string) *crypt {
	rounds, length := 50, 16
	if kind == RC4x40 {
		rounds, length = 0, 5
	}
	digest := func(parts ...[]byte) []byte {
		var all []byte
		for _, p := range parts {
			all = append(all, p...)
		}
		sum := md5.Sum(all) //nolint:gosec // as above
		for range rounds {
			sum = md5.Sum(sum[:length]) //nolint:gosec // as above
		}
		return sum[:length]
	}
	rotate := func(key, data []byte) []byte {
		data = rc4ed(key, data)
		for i := 1; i < 20 && rounds > 0; i++ {
			turned := append([]byte{}, key...)
			for j := range turned {
				turned[j] ^= byte(i)
			}
			data = rc4ed(turned, data)
		}
		return data
	}
	id, _ := hex.DecodeString(fileID)
	owner := rotate(digest(padded(password+" owner")), padded(password))
	key := digest(padded(password), owner, binary.LittleEndian.AppendUint32(nil, uint32(0xfffffffc)), id)
	user := rotate(key, []byte(padding))
	if kind != RC4x40 {
		sum := md5.Sum(append([]byte(padding), id...)) //nolint:gosec // as above
		user = append(rotate(key, sum[:]), make([]byte, 16)...)
	}
	how := map[Encryption]string{
		RC4x40: "/V 1 /R 2",
		RC4:    "/V 2 /R 3 /Length 128",
		AES128: "/V 4 /R 4 /Length 128 /StmF /StdCF /StrF /StdCF /CF << /StdCF << /CFM /AESV2 /AuthEvent /DocOpen /Length 16 >> >>",
	}[kind]
	return &crypt{kind: kind, key: key, dictionary: fmt.Sprintf("<< /Filter /Standard %s /O <%X> /U <%X> /P %d >>", how, owner, user, permissions)}
}

// newCryptR6 follows algorithms 8 to 10, for revision 6.
func newCryptR6(password string) *crypt {
	pw := []byte(password)
	seed := derive(pw, "salts")
	key := derive(pw, "file key")
	user := append(hash2B(pw, seed[:8], nil), seed[:16]...)
	userKey := cbc(hash2B(pw, seed[8:16], nil), make([]byte, aes.BlockSize), key)
	ow := []byte(password + " owner")
	owner := append(hash2B(ow, seed[16:24], user), seed[16:]...)
	ownerKey := cbc(hash2B(ow, seed[24:], user), make([]byte, aes.BlockSize), key)
	perms := append(binary.LittleEndian.AppendUint32(nil, uint32(0xfffffffc)), "\xff\xff\xff\xffTadbsaga"...)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("samples: " + err.Error()) // the key has 32 bytes
	}
	block.Encrypt(perms, perms)
	return &crypt{kind: AES256, key: key, dictionary: fmt.Sprintf(
		"<< /Filter /Standard /V 5 /R 6 /Length 256 /StmF /StdCF /StrF /StdCF /CF << /StdCF << /CFM /AESV3 /AuthEvent /DocOpen /Length 32 >> >> "+
			"/O <%X> /U <%X> /OE <%X> /UE <%X> /Perms <%X> /P %d >>", owner, user, ownerKey, userKey, perms, permissions)}
}

// hash2B is algorithm 2.B.
func hash2B(password, salt, user []byte) []byte {
	first := sha256.Sum256(append(append(append([]byte{}, password...), salt...), user...))
	k := first[:]
	for i := 0; ; i++ {
		k1 := strings.Repeat(string(password)+string(k)+string(user), 64)
		e := cbc(k[:16], k[16:32], []byte(k1))
		sum := 0
		for _, c := range e[:16] {
			sum += int(c)
		}
		switch sum % 3 {
		case 0:
			h := sha256.Sum256(e)
			k = h[:]
		case 1:
			h := sha512.Sum384(e)
			k = h[:]
		default:
			h := sha512.Sum512(e)
			k = h[:]
		}
		if i >= 63 && int(e[len(e)-1]) <= i-31 {
			return k[:32]
		}
	}
}

func cbc(key, iv, data []byte) []byte {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("samples: " + err.Error()) // keys have 16 or 32 bytes
	}
	out := make([]byte, len(data))
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, data)
	return out
}

func rc4ed(key, data []byte) []byte {
	c, err := rc4.NewCipher(key) //nolint:gosec // as above
	if err != nil {
		panic("samples: " + err.Error()) // keys have 5 to 16 bytes
	}
	out := make([]byte, len(data))
	c.XORKeyStream(out, data)
	return out
}

// derive returns 32 bytes that stand in for random ones.
func derive(seed []byte, use string) []byte {
	sum := sha256.Sum256(append([]byte("docsaga samples "+use+" "), seed...))
	return sum[:]
}
