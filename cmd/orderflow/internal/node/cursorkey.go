package node

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"orderflow/domain"
)

// cursorKeyBytes is the length of the key that signs cursors.
const cursorKeyBytes = 32

// cursorKey returns the key that signs the API's cursors. Gateways of a fleet
// have the same, from the secret that they share: a page that one gave out goes
// on at another.
func cursorKey(c Config) ([]byte, error) {
	if c.PeerSecret == "" {
		return ownCursorKey(c.Data)
	}
	return hkdf.Key(sha256.New, []byte(c.PeerSecret), nil, "orderflow cursors", cursorKeyBytes)
}

// ownCursorKey is the key of a data directory, made at the first start, so that
// a cursor outlives a restart.
func ownCursorKey(dir string) ([]byte, error) {
	path := filepath.Join(dir, "cursor.key")
	key, err := os.ReadFile(path)
	switch {
	case err == nil && len(key) == cursorKeyBytes:
		return key, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, domain.Wrap(domain.Internal, err, "The key of cursors cannot be read")
	}
	key = make([]byte, cursorKeyBytes)
	_, _ = rand.Read(key) // never fails
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, domain.Wrap(domain.Internal, err, "The key of cursors cannot be written")
	}
	return key, nil
}
