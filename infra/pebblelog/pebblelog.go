package pebblelog

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/pebblelog/scrub"
)

// Log is an eventlog.Store on disk, with every capability that a store may have;
// [Log.Find] needs [Options.IndexIDs]. It is safe for concurrent use; one process
// has it open at a time.
type Log struct {
	opts  Options
	files folder
	db    *pebble.DB
	lock  io.Closer
	disk  *failstop
	guard *guard

	// The writer's own.
	last      eventlog.Position // the last position given, on disk or not
	heads     *headCache
	scavenged atomic.Bool  // events were removed, now or ever
	removing  sync.Mutex   // held while events are removed; before readers
	removals  atomic.Int64 // batches that removed events

	queue chan *request
	saves chan *save
	tail  *tail

	checkpointer *checkpointer

	closing      chan struct{} // no more appends
	stopped      chan struct{} // the last append is answered
	checkpointed chan struct{} // the last checkpoint is written

	compactions *compactions
	scrub       *scrub.Scrub
	levels      atomic.Pointer[[][]scrub.Table] // that there were at the start
	verified    chan struct{}                   // nothing more is verified
	damage      struct {
		sync.Mutex
		met     *scrub.DamageError // the first
		started bool               // it stops the log, and not only the start
	}

	readers sync.RWMutex // held for reading while the database is read
	closed  bool

	failed    chan struct{}
	failOnce  sync.Once
	closeOnce sync.Once
	cause     error // why failed is closed
	closeErr  error
}

// Open opens the log in dir, and creates it if there is none. It refuses a log
// that is open elsewhere (Unavailable) and one that is shorter than, or not,
// what its checkpoint saw (Internal; see [Options.AcceptLoss]).
func Open(dir string, opts Options) (*Log, error) {
	l := &Log{
		opts:         opts.withDefaults(),
		queue:        make(chan *request, maxQueuedAppends),
		saves:        make(chan *save),
		heads:        newHeadCache(headsPerGeneration),
		closing:      make(chan struct{}),
		stopped:      make(chan struct{}),
		checkpointed: make(chan struct{}),
		verified:     make(chan struct{}),
		failed:       make(chan struct{}),
	}
	l.files = folder{l.opts.FS, dir}
	l.disk = &failstop{FS: l.opts.FS, dir: l.files.path(dbName), report: l.fail}
	l.guard = newGuard(l.opts.Disk, l.opts.FS, dir, l.guardChanged)
	if err := l.openUnlessFailing(); err != nil {
		if isFull(err) {
			return nil, errFull(dir, err)
		}
		return nil, err
	}
	l.checkpointer.due = make(chan struct{}, 1)
	l.tail = newTail(l.last)
	go l.write()
	go l.checkpoints()
	go l.verifyRest()
	l.compactions.allow()
	return l, nil
}

// openUnlessFailing opens the log, but does not wait for a disk that has
// failed. It owns the lock: if the log is not opened it lets go of it, whatever
// becomes of the goroutine that opens.
func (l *Log) openUnlessFailing() (err error) {
	if err := l.files.make(); err != nil {
		return domain.Wrap(domain.Internal, err, "The folder %s of the event log cannot be made", l.files.dir)
	}
	if l.lock, err = l.files.fs.Lock(l.files.path(lockName)); err != nil {
		return errOpenElsewhere(l.files.dir, err)
	}
	defer func() {
		if err != nil {
			err = withClosing(err, l.lock.Close())
		}
	}()
	done := make(chan error, 1)
	go func() { done <- l.open() }()
	select {
	case err := <-done:
		return err
	case <-l.failed:
		return refusal(l.files.dir, l.cause)
	}
}

func errOpenElsewhere(dir string, err error) error {
	return domain.Wrap(domain.Unavailable, err, "The event log in %s is open in another process; only one may have it open", dir)
}

func (l *Log) open() (err error) {
	defer func() {
		if err != nil && l.db != nil {
			err = withClosing(err, l.db.Close())
		}
	}()
	w, err := readSignedCheckpoint(l.files)
	if err != nil {
		if !l.opts.AcceptLoss {
			return refusalOfLoss(l.files.dir, err)
		}
		w = signedCheckpoint{}
	}
	if !w.found {
		if err := l.create(); err != nil {
			return domain.Wrap(domain.Internal, err, "The event log in %s cannot be created", l.files.dir)
		}
	}
	return l.openDatabase(w)
}

func (l *Log) openDatabase(w signedCheckpoint) (err error) {
	opts := databaseOptions(l.opts, l.disk)
	opts.ErrorIfNotExists = true
	opts.Logger = pebbleLogger{l.opts.Logger.Debug, l.pebbleLogged, l.databaseDied}
	opts.EventListener = &pebble.EventListener{DataCorruption: l.corrupted}
	l.compactions = newCompactions()
	opts.Experimental.CompactionScheduler = l.compactions
	if l.db, err = openDatabase(l.files.path(dbName), opts); err != nil {
		return refusal(l.files.dir, err)
	}
	if got := l.db.FormatMajorVersion(); got != pebble.FormatNewest {
		return domain.Errorf(domain.Internal, "The database has format %s and not %s.", got, pebble.FormatNewest)
	}
	if err := l.verifyTables(); err != nil {
		return refusal(l.files.dir, err)
	}
	if err := l.checkLayout(); err != nil {
		return err
	}
	if err := l.findScavenged(); err != nil {
		return refusal(l.files.dir, err)
	}
	if l.last, err = lastPosition(l.db); err != nil {
		return refusal(l.files.dir, err)
	}
	if err := l.verifyContinuity(); err != nil {
		return refusal(l.files.dir, err)
	}
	if err := l.compareWithCheckpoint(w); err != nil {
		if !l.opts.AcceptLoss {
			return refusalOfLoss(l.files.dir, err)
		}
		l.opts.Logger.Warn("the event log is opened although it is not what its checkpoint saw", "error", err)
		w.found = false
	}
	if err := l.indexIDs(); err != nil {
		return domain.Wrap(domain.Internal, err, "The ids of the event log in %s cannot be indexed", l.files.dir)
	}
	return l.begin(w)
}

// begin makes the key and the checkpoint that are missing, and ends the start.
func (l *Log) begin(w signedCheckpoint) (err error) {
	if w.key == nil {
		if w.key, err = newKey(); err != nil {
			return err
		}
		if err := l.files.write(keyName, encodeKey(w.key)); err != nil {
			return domain.Wrap(domain.Internal, err, "The key of the event log in %s cannot be written", l.files.dir)
		}
	}
	l.checkpointer = &checkpointer{files: l.files, key: w.key}
	c, err := l.checkpointAt(l.last)
	if err != nil {
		return err
	}
	if !w.found || c != w.last {
		if err := l.files.write(checkpointName, c.encode(w.key)); err != nil {
			return domain.Wrap(domain.Internal, err, "The checkpoint of the event log in %s cannot be written", l.files.dir)
		}
	}
	l.checkpointer.last.Store(int64(c.position))
	if err := l.admit(); err != nil {
		return err
	}
	if err := l.disk.accept(); err != nil {
		return domain.Wrap(domain.Internal, err, "The event log in %s cannot be cleaned up", l.files.dir)
	}
	return nil
}

// create makes an empty database if there is none, under another name until it
// is whole: a crash in its first moments would leave one that cannot be opened.
func (l *Log) create() error {
	if _, err := l.files.fs.Stat(l.files.path(dbName)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := l.files.path(freshName)
	if err := l.files.fs.RemoveAll(fresh); err != nil {
		return err
	}
	opts := databaseOptions(l.opts, l.disk)
	opts.Logger = pebbleLogger{l.opts.Logger.Debug, l.pebbleLogged, l.databaseDied}
	db, err := openDatabase(fresh, opts)
	if err != nil {
		return err
	}
	err = db.Set([]byte{kindLayout}, []byte{layout}, pebble.Sync)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := l.files.fs.Rename(fresh, l.files.path(dbName)); err != nil {
		return err
	}
	return l.files.sync(l.files.dir)
}

// checkLayout refuses a database that a later version of the program wrote.
func (l *Log) checkLayout() error {
	value, closer, err := l.db.Get([]byte{kindLayout})
	if err != nil {
		return refusal(l.files.dir, err)
	}
	defer func() { _ = closer.Close() }()
	if len(value) != 1 || value[0] != layout {
		return domain.Errorf(domain.Internal, "The event log in %s has layout %v; this program knows layout %d.", l.files.dir, value, layout)
	}
	return nil
}

// databaseDied takes the database's word that it cannot go on. Its goroutine
// ends here, in the middle of what it did, so that the process can still read.
func (l *Log) databaseDied(err error) {
	l.disk.down.Store(true)
	l.fail(err)
	l.disk.park()
}

func (l *Log) guardChanged(reason string) {
	if reason == "" {
		l.opts.Logger.Info("the event log takes appends again")
	} else {
		l.opts.Logger.Error("the event log takes no appends", "reason", reason)
	}
	l.opts.Hooks.ReadOnly(reason)
}

// Close answers the appends that wait, writes the last checkpoint and closes
// the database; subscriptions end with Unavailable. A log whose disk failed
// cannot be closed: it returns that error and leaves the lock to the end of the
// process.
func (l *Log) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

func (l *Log) close() error {
	close(l.closing)
	select {
	case <-l.checkpointed:
	case <-l.failed:
	}
	select {
	case <-l.verified:
	case <-l.failed:
	}
	if l.hasFailed() {
		return l.failure() // without waiting for readers: one may be stuck for good
	}
	l.readers.Lock()
	defer l.readers.Unlock()
	l.closed = true
	done := make(chan error, 1)
	go func() { done <- l.closeDatabase() }()
	select {
	case err := <-done:
		return err
	case <-l.failed: // while it closed; it never comes back
		return l.failure()
	}
}

func (l *Log) closeDatabase() error { return errors.Join(l.db.Close(), l.lock.Close()) }

// withClosing adds to the reason of a failure what went wrong after it.
func withClosing(err, closing error) error {
	if closing == nil {
		return err
	}
	return errors.Join(err, closing)
}

// Stats are figures for the operator.
type Stats struct {
	End        eventlog.Position // of the last event on disk
	Checkpoint eventlog.Position // of the last signed checkpoint
	Queued     int               // appends that wait for a batch
	DiskBytes  uint64            // the size of the database
	ReadOnly   error             // why no appends are taken, or nil
}

// Stats returns the figures of now.
func (l *Log) Stats(context.Context) Stats {
	s := Stats{Checkpoint: eventlog.Position(l.checkpointer.last.Load()), Queued: len(l.queue), ReadOnly: l.writable()}
	s.End, _ = l.tail.position()
	s.DiskBytes = l.files.size(dbName) // the database's own figures wait for locks that a failed disk holds
	return s
}
