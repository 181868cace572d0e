package pebblelog

import (
	"context"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
)

// Snapshot copies the whole log, as it is at one moment, to a new folder dir,
// which Open takes as a log. Appends go on meanwhile. On the same disk tables
// are linked and cost no space. The copy holds the key: keep it as secret.
func (l *Log) Snapshot(ctx context.Context, dir string) error {
	if err := ctx.Err(); err != nil {
		return domain.Wrap(domain.Unavailable, err, "The copy was given up before it began")
	}
	if l.hasFailed() {
		return l.failure()
	}
	done := make(chan error, 1)
	go func() { done <- l.reading(func() error { return l.copyTo(folder{l.opts.FS, dir}) }) }()
	select {
	case err := <-done:
		return err
	case <-l.failed: // the copy waits for a disk that will not answer
		return l.failure()
	}
}

func (l *Log) copyTo(to folder) error {
	end, _ := l.tail.position()
	c, err := l.checkpointAt(end)
	if err != nil {
		return err
	}
	if err := to.make(); err != nil {
		return domain.Wrap(domain.Internal, err, "The folder %s for the copy cannot be made", to.dir)
	}
	if err := l.db.Checkpoint(to.path(dbName), pebble.WithFlushedWAL()); err != nil {
		return domain.Wrap(domain.Internal, err, "The log could not be copied to %s", to.dir)
	}
	if err := to.write(keyName, encodeKey(l.checkpointer.key)); err != nil {
		return domain.Wrap(domain.Internal, err, "The key could not be copied to %s", to.dir)
	}
	if err := to.write(checkpointName, c.encode(l.checkpointer.key)); err != nil {
		return domain.Wrap(domain.Internal, err, "The checkpoint could not be written to %s", to.dir)
	}
	return nil
}
