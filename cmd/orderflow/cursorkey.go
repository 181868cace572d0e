package main

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"orderflow/domain"
)

// cursorKeyBytes is the length of the key that signs cursors.
const cursorKeyBytes = 32

// cursorKey returns the key of a data directory that signs the API's cursors,
// and makes one at the first start, so that a cursor outlives a restart.
func cursorKey(dir string) ([]byte, error) {
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
