package pebblelog

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"orderflow/domain/eventlog"
)

// checkpoint says what the log holds at least: the record at a position, by
// its hash. It is kept outside the database, because a database that lost its
// end looks exactly like one that never had it.
type checkpoint struct {
	position eventlog.Position // 0 is the start of an empty log
	record   [sha256.Size]byte // of the encoded record at position; zero at 0
}

// checkpointForm is the first line of a checkpoint.
const checkpointForm = "orderflow event log checkpoint v1"

var (
	errCheckpointForm      = errors.New("not a checkpoint of a known form")
	errCheckpointSignature = errors.New("the signature of the checkpoint is not by the key of this log")
)

// encode returns the text of c, signed:
//
//	orderflow event log checkpoint v1
//	position 1042
//	record sha256 5f0c…
//	signature ed25519 kT2…
func (c checkpoint) encode(key ed25519.PrivateKey) []byte {
	signed := fmt.Sprintf("%s\nposition %d\nrecord sha256 %s\n", checkpointForm, c.position, hex.EncodeToString(c.record[:]))
	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(signed)))
	return []byte(signed + "signature ed25519 " + signature + "\n")
}

// decodeCheckpoint reads what encode wrote, and checks the signature.
func decodeCheckpoint(text []byte, key ed25519.PublicKey) (c checkpoint, err error) {
	signed, signature, ok := strings.Cut(string(text), "signature ed25519 ")
	lines := strings.Split(signed, "\n")
	if !ok || len(lines) != 4 || lines[0] != checkpointForm || lines[3] != "" {
		return c, errCheckpointForm
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(signature, "\n"))
	if err != nil {
		return c, errCheckpointForm
	}
	if !ed25519.Verify(key, []byte(signed), sig) {
		return c, errCheckpointSignature
	}
	position, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "position "), 10, 64)
	if err != nil || position < 0 {
		return c, errCheckpointForm
	}
	record, err := hex.DecodeString(strings.TrimPrefix(lines[2], "record sha256 "))
	if err != nil || len(record) != len(c.record) {
		return c, errCheckpointForm
	}
	c.position = eventlog.Position(position)
	copy(c.record[:], record)
	return c, nil
}

// encodeKey and decodeKey are the form of the key file: one line of base64.
func encodeKey(key ed25519.PrivateKey) []byte {
	return []byte(base64.StdEncoding.EncodeToString(key.Seed()) + "\n")
}

func decodeKey(text []byte) (ed25519.PrivateKey, error) {
	seed, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSuffix(string(text), "\n"))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("not an ed25519 key")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

func newKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}
