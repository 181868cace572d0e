package pebblelog

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain/eventlog"
)

// signedCheckpoint is the key and the checkpoint beside the database: what the log
// must hold at least.
type signedCheckpoint struct {
	key   ed25519.PrivateKey // nil if there is none
	last  checkpoint
	found bool // whether there is a checkpoint
}

// readSignedCheckpoint reads the key and the checkpoint of a folder. A checkpoint that
// the key did not sign is an error.
func readSignedCheckpoint(files folder) (w signedCheckpoint, err error) {
	keyText, err := files.read(keyName)
	if err != nil {
		return w, err
	}
	text, err := files.read(checkpointName)
	if err != nil {
		return w, err
	}
	if keyText == nil && text != nil {
		return w, fmt.Errorf("%s is missing", keyName)
	}
	if keyText == nil {
		return w, nil
	}
	if w.key, err = decodeKey(keyText); err != nil {
		return w, fmt.Errorf("%s: %w", keyName, err)
	}
	if text == nil {
		return w, nil
	}
	w.last, err = decodeCheckpoint(text, w.key.Public().(ed25519.PublicKey))
	if err != nil {
		return w, fmt.Errorf("%s: %w", checkpointName, err)
	}
	w.found = true
	return w, nil
}

// compareWithCheckpoint returns an error if the opened log does not hold what its checkpoint says.
func (l *Log) compareWithCheckpoint(w signedCheckpoint) error {
	switch {
	case !w.found && l.last > 0:
		return fmt.Errorf("the log ends at position %d but has no checkpoint", l.last)
	case l.last < w.last.position:
		return fmt.Errorf("the log ends at position %d, but its checkpoint says that it reached %d", l.last, w.last.position)
	}
	if _, err := l.checkpointAt(l.last); err != nil {
		return err
	}
	at, err := l.checkpointAt(w.last.position)
	if err != nil {
		return err
	}
	if at != w.last {
		return fmt.Errorf("the event at position %d is not the one that the checkpoint saw: its hash is %x, not %x", at.position, at.record, w.last.record)
	}
	return nil
}

// lastPosition returns the position of the last event in the database.
func lastPosition(db *pebble.DB) (p eventlog.Position, err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: eventKey(0), UpperBound: eventKey(-1)})
	if err != nil {
		return 0, err
	}
	if it.Last() {
		n, _ := lastNumber(it.Key())
		p = eventlog.Position(n)
	}
	return p, errors.Join(it.Error(), it.Close())
}
