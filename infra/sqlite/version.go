package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"

	"orderflow/domain"
	"orderflow/projections"
)

// Limits of one file.
const (
	// maxReaders bounds the connections that answer questions.
	maxReaders = 4
	// writerCacheKiB, readerCacheKiB and checkpointerCacheKiB bound the pages one
	// connection keeps in memory; the checkpointer reads none.
	writerCacheKiB       = 16 << 10
	readerCacheKiB       = 4 << 10
	checkpointerCacheKiB = 64
	// pageBytes is the size of a page, which is what one changed row costs in
	// the WAL.
	pageBytes = 4 << 10
	// checkpointPages is how many pages the WAL gathers before they move to the
	// file: pages that change often move once, not each time.
	checkpointPages = 8_000
	// overduePages is how many it gathers at most before a commit moves them
	// itself, because the checkpointer does not keep up: 64 MiB.
	overduePages = 2 * checkpointPages
	// maxWALBytes is what the WAL shrinks to after a long reader let it grow.
	maxWALBytes = 64 << 20
	// busyTimeoutMillis bounds the wait for a lock of another process.
	busyTimeoutMillis = 5_000
)

// version is one file: the rows of one group as one version has them. It is a
// [projections.Store], and a [projections.Building] until it is promoted.
type version struct {
	versions *versions
	number   int
	path     string
	read     *sql.DB

	mu           sync.Mutex // guards the writer, which is one connection
	building     bool       // as it was opened: without a journal
	db           *sql.DB
	writer       *sql.Conn
	checkpointer *walCheckpointer     // nil while building
	write        map[string]*sql.Stmt // by their text
	bulk         map[bulk]*sql.Stmt

	prepared sync.Mutex
	reads    map[string]*sql.Stmt

	refs    int  // readers at work; guarded by versions.mu
	retired bool // closed and removed when refs falls to 0; guarded by versions.mu
	closed  bool
}

// dsn returns how a connection treats its file: serving, or being built, when
// nothing is lost with it and no journal is needed.
func dsn(path string, building bool, cacheKiB int) string {
	q := url.Values{}
	add := func(format string, args ...any) { q.Add("_pragma", fmt.Sprintf(format, args...)) }
	add("busy_timeout(%d)", busyTimeoutMillis)
	add("cache_size(-%d)", cacheKiB)
	add("page_size(%d)", pageBytes)
	add("temp_store(memory)")
	if building {
		add("journal_mode(off)")
		add("synchronous(off)")
	} else {
		add("journal_mode(wal)")
		add("synchronous(normal)")
		add("wal_autocheckpoint(%d)", overduePages)
		add("journal_size_limit(%d)", maxWALBytes)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

func openVersion(ctx context.Context, s *versions, number int, building bool) (*version, error) {
	v := &version{
		versions: s, number: number, path: s.file(number),
	}
	v.forget()
	if err := v.open(ctx, building); err != nil {
		v.close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return v, nil
}

func (v *version) open(ctx context.Context, building bool) (err error) {
	v.building = building
	if v.db, err = sql.Open("sqlite", dsn(v.path, building, writerCacheKiB)); err != nil {
		return err
	}
	v.db.SetMaxOpenConns(1)
	if v.writer, err = v.db.Conn(ctx); err != nil {
		return err
	}
	if v.read, err = sql.Open("sqlite", dsn(v.path, building, readerCacheKiB)+"&_query_only=1"); err != nil {
		return err
	}
	v.read.SetMaxOpenConns(maxReaders)
	v.read.SetMaxIdleConns(maxReaders)
	if err := v.migrate(ctx); err != nil || building {
		return err
	}
	v.checkpointer, err = startWALCheckpointer(v.path)
	return err
}

// errStale is the error for a file that another schema or fold filled.
var errStale = errors.New("filled by another version of the program")

// migrate makes the tables of a new file, and refuses one of another making.
func (v *version) migrate(ctx context.Context) error {
	var tables int
	if err := v.writer.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if tables > 0 {
		var tag string
		err := v.writer.QueryRowContext(ctx, statement("meta_tag")).Scan(&tag)
		if errors.Is(err, sql.ErrNoRows) || err == nil && tag != v.versions.tag {
			return errStale
		}
		if err != nil {
			return err
		}
		if err := v.mark(ctx); err != nil {
			return err
		}
		_, err = v.writer.ExecContext(ctx, v.versions.holesTable())
		return err
	}
	tx, err := v.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for _, schema := range append(v.versions.schema(), embedded("schema/meta_marks.sql"), v.versions.holesTable()) {
		if _, err := tx.ExecContext(ctx, schema); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, statement("meta_init"), v.versions.tag); err != nil {
		return err
	}
	return tx.Commit()
}

// query returns a prepared question. There are as many as questions and combinations
// of their filters.
func (v *version) query(ctx context.Context, text string) (*sql.Stmt, error) {
	v.prepared.Lock()
	defer v.prepared.Unlock()
	if s := v.reads[text]; s != nil {
		return s, nil
	}
	s, err := v.read.PrepareContext(ctx, text)
	if err != nil {
		return nil, unavailable(err)
	}
	v.reads[text] = s
	return s, nil
}

// Promote implements [projections.Building]. The file is made durable before
// it is named as the serving one; naming it is one rename.
func (v *version) Promote(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return domain.Errorf(domain.Conflict, "This version was discarded.")
	}
	if err := v.serveReady(ctx); err != nil {
		return unavailable(err)
	}
	return v.versions.promote(v)
}

// serveReady turns a file that was built without a journal into one that serves.
func (v *version) serveReady(ctx context.Context) error {
	if err := v.closeLocked(); err != nil {
		return err
	}
	if err := syncFile(v.path); err != nil {
		return err
	}
	v.forget()
	return v.open(ctx, false)
}

// Discard implements [projections.Building].
func (v *version) Discard(context.Context) error {
	if v.versions.isLive(v) {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return errors.Join(v.closeLocked(), v.remove())
}

// forget begins without prepared statements.
func (v *version) forget() {
	v.write, v.bulk, v.reads, v.closed = map[string]*sql.Stmt{}, map[bulk]*sql.Stmt{}, map[string]*sql.Stmt{}, false
}

func (v *version) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.closeLocked()
}

func (v *version) closeLocked() error {
	if v.closed {
		return nil
	}
	v.closed = true
	var errs []error
	if v.checkpointer != nil {
		errs = append(errs, v.checkpointer.close())
	}
	if v.read != nil {
		errs = append(errs, v.read.Close())
	}
	for _, s := range v.bulk {
		errs = append(errs, s.Close())
	}
	for _, s := range v.write {
		errs = append(errs, s.Close())
	}
	if v.writer != nil {
		errs = append(errs, v.writer.Close())
	}
	if v.db != nil {
		errs = append(errs, v.db.Close())
	}
	return errors.Join(errs...)
}

func (v *version) remove() error { return removeFile(v.path) }

// removeFile removes a database and what SQLite puts beside it.
func removeFile(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

var _ projections.Building = (*version)(nil)
