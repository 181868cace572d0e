package pebblelog

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// snapshotForm is the version of the form below.
const snapshotForm = 1

// save is one snapshot on its way to the writer, the only goroutine that
// touches the database, because a failed disk ends the goroutine that does.
type save struct {
	key, value []byte
	done       chan error // room for the one answer
}

// encodeSnapshot: form, CRC-32C of what follows, version, length of schema, schema, state.
func encodeSnapshot(schema string, at eventlog.Version, state []byte) []byte {
	b := make([]byte, 5, 5+2*binary.MaxVarintLen64+len(schema)+len(state))
	b[0] = snapshotForm
	b = binary.AppendUvarint(b, uint64(at))
	b = binary.AppendUvarint(b, uint64(len(schema)))
	b = append(append(b, schema...), state...)
	binary.BigEndian.PutUint32(b[1:], crc32.Checksum(b[5:], castagnoli()))
	return b
}

// decodeSnapshot returns ok = false for a damaged snapshot: it is only a cache.
// The state shares memory with value.
func decodeSnapshot(value []byte) (schema string, at eventlog.Version, state []byte, ok bool) {
	if len(value) < 5 || value[0] != snapshotForm || crc32.Checksum(value[5:], castagnoli()) != binary.BigEndian.Uint32(value[1:]) {
		return "", 0, nil, false
	}
	b := value[5:]
	version, n := binary.Uvarint(b)
	if n <= 0 {
		return "", 0, nil, false
	}
	b = b[n:]
	size, n := binary.Uvarint(b)
	if n <= 0 || size > uint64(len(b)-n) {
		return "", 0, nil, false
	}
	b = b[n:]
	return string(b[:size]), eventlog.Version(version), b[size:], true
}

// LoadSnapshot implements eventlog.Snapshots.
func (l *Log) LoadSnapshot(_ context.Context, s eventlog.Stream, schema string) (at eventlog.Version, state []byte, ok bool, err error) {
	err = l.reading(func() error {
		value, closer, err := l.db.Get(snapshotKey(s))
		if errors.Is(err, pebble.ErrNotFound) {
			return nil
		}
		if err != nil {
			return domain.Wrap(domain.Internal, err, "The snapshot of %s cannot be read", s)
		}
		has, version, found, whole := decodeSnapshot(value)
		if ok = whole && has == schema; ok {
			at, state = version, append([]byte{}, found...)
		}
		return closer.Close()
	})
	return at, state, ok, err
}

// SaveSnapshot implements eventlog.Snapshots. It does not wait for the disk.
func (l *Log) SaveSnapshot(ctx context.Context, s eventlog.Stream, schema string, at eventlog.Version, state []byte) error {
	if len(s) > eventlog.MaxStreamBytes || len(schema)+len(state) > maxSnapshotBytes {
		return domain.Errorf(domain.Invalid, "A snapshot of %d bytes; at most %d are taken.", len(schema)+len(state), maxSnapshotBytes)
	}
	if err := l.writable(); err != nil {
		return err
	}
	w := &save{snapshotKey(s), encodeSnapshot(schema, at, state), make(chan error, 1)}
	select {
	case l.saves <- w:
	case <-ctx.Done():
		return domain.Wrap(domain.Unavailable, ctx.Err(), "The log was too busy to take the snapshot in time")
	case <-l.failed:
		return l.failure()
	case <-l.closing:
		return errClosed()
	}
	select {
	case err := <-w.done:
		return err
	case <-l.failed:
		return l.failure()
	}
}

// keep writes a snapshot; the writer calls it between groups.
func (l *Log) keep(w *save) {
	err := l.guard.check()
	if err == nil {
		err = l.db.Set(w.key, w.value, pebble.NoSync)
	}
	w.done <- err
}
