package signed

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// payloadType names the form of the payload.
const payloadType = "https://cloudevents.io/verifiability/dsse/v0.1"

// maxEnvelope is the greatest length of an envelope that is read.
const maxEnvelope = 4 << 10

// An envelope is a DSSE envelope.
type envelope struct {
	Payload     []byte      `json:"payload"`
	PayloadType string      `json:"payloadType"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// preAuth returns what is signed: DSSE's encoding of type and payload.
func preAuth(payload []byte) []byte {
	b := append([]byte("DSSEv1 "), strconv.Itoa(len(payloadType))...)
	b = append(b, ' ')
	b = append(b, payloadType...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(len(payload)), 10)
	b = append(b, ' ')
	return append(b, payload...)
}

// seal returns the base64 of an envelope with one signature.
func seal(payload [size]byte, keyID string, key ed25519.PrivateKey) (string, error) {
	raw, err := json.Marshal(envelope{
		Payload: payload[:], PayloadType: payloadType,
		Signatures: []signature{{KeyID: keyID, Sig: ed25519.Sign(key, preAuth(payload[:]))}},
	})
	if err != nil {
		return "", fmt.Errorf("signed: %w", err)
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

var errEnvelope = errors.New("its signature is no DSSE envelope of this type")

// open reads an envelope. It checks no signature.
func open(text string) (envelope, error) {
	var env envelope
	if len(text) > maxEnvelope {
		return env, errEnvelope
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || json.Unmarshal(raw, &env) != nil || env.PayloadType != payloadType || len(env.Payload) != size {
		return env, errEnvelope
	}
	return env, nil
}
