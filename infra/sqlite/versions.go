package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/readmodels/viewsql"
)

// versions keeps the versions of one group: the one that serves, those that are
// being built, and old ones whose last reader is not done.
type versions struct {
	dir    string
	group  projections.Group
	tables []table // of the group's views; that of holes is the last
	sums   viewsql.Sums
	tag    string // of schema and fold
	logger *slog.Logger

	mu   sync.Mutex
	live *version
	next int // number of the next version
	old  map[*version]struct{}
}

func newVersions(ctx context.Context, dir string, g projections.Group, logger *slog.Logger) (*versions, error) {
	s := &versions{dir: dir, group: g, logger: logger.With("view", g.Name), old: map[*version]struct{}{}}
	for _, view := range g.Tables() {
		s.tables = append(s.tables, newTable(view, g.Tables()))
	}
	s.sums = dialect.Sums(g.Tables(), func(l *readmodels.Layout) string { return l.Name })
	s.tag = tagOf(g, s.schema())
	number, err := s.named()
	if err != nil {
		return nil, err
	}
	if err := s.sweep(number); err != nil {
		return nil, err
	}
	s.next = number + 1
	return s, s.openLive(ctx, number)
}

// openLive opens the serving version, or an empty one in its place if it is
// of no use any more.
func (s *versions) openLive(ctx context.Context, number int) error {
	v, err := openVersion(ctx, s, number, false)
	if err == nil {
		s.live = v
		return nil
	}
	if !errors.Is(err, errStale) && !damaged(err) {
		return domain.Wrap(domain.Unavailable, err, "The view file %s cannot be opened", s.file(number))
	}
	s.logger.Warn("the view's file is of no use and is filled again from the log", "file", s.file(number), "error", err)
	if err := removeFile(s.file(number)); err != nil {
		return err
	}
	s.live, err = openVersion(ctx, s, number, false)
	return err
}

// schema returns the statements that make the tables which the tag stands for.
func (s *versions) schema() []string {
	all := []string{embedded("schema/meta.sql")}
	for _, t := range s.tables[:len(s.tables)-1] {
		all = append(all, t.schema()...)
	}
	return all
}

// holesTable returns the statement that makes the table of holes if there is none. It
// is not in the schema: a program that does not know it keeps its place in the file,
// and so does the file.
func (s *versions) holesTable() string {
	return s.tables[len(s.tables)-1].create("TABLE IF NOT EXISTS")
}

// table returns the SQL of a view of the group.
func (s *versions) table(view readmodels.Table) table {
	for _, t := range s.tables {
		if t.view == view {
			return t
		}
	}
	return table{view: view, layout: view.Layout()}
}

// tagOf names the fold and the schema of a group, both by what they are: a file of
// another tag was filled by another program and is filled again.
func tagOf(g projections.Group, schema []string) string {
	sum := sha256.Sum256([]byte(strings.Join(schema, "\n")))
	name := projections.OlderName("sqlite", g.Name, hex.EncodeToString(sum[:8]))
	return fmt.Sprintf("%s fold %s schema %s", g.Name, g.FoldVersion(), name)
}

func (s *versions) file(number int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s-%d.db", s.group.Name, number))
}

func (s *versions) pointer() string { return filepath.Join(s.dir, s.group.Name+".live") }

// named returns the number of the serving version: 1 for a new directory, and when
// the pointer cannot be read, for then the view is filled again.
func (s *versions) named() (int, error) {
	text, err := os.ReadFile(s.pointer())
	if errors.Is(err, fs.ErrNotExist) {
		return 1, nil
	}
	if err != nil {
		return 0, domain.Wrap(domain.Unavailable, err, "The views cannot be opened")
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 1 {
		s.logger.Warn("the pointer to the serving version is damaged; the view is filled again from the log", "file", s.pointer())
		return 1, nil
	}
	return n, nil
}

// sweep removes versions that a crash left behind.
func (s *versions) sweep(live int) error {
	found, err := filepath.Glob(filepath.Join(s.dir, s.group.Name+"-*.db*"))
	if err != nil {
		return err
	}
	keep := s.file(live)
	for _, path := range found {
		if path == keep || strings.HasPrefix(path, keep+"-") {
			continue
		}
		s.logger.Info("a leftover of a rebuild is removed", "file", path)
		if err := os.Remove(path); err != nil {
			return domain.Wrap(domain.Unavailable, err, "A leftover of a rebuild cannot be removed")
		}
	}
	return nil
}

func (s *versions) build(ctx context.Context) (*version, error) {
	s.mu.Lock()
	number := s.next
	s.next++
	s.mu.Unlock()
	v, err := openVersion(ctx, s, number, true)
	return v, unavailable(err)
}

// promote names v as the serving version and retires the one before.
func (s *versions) promote(v *version) error {
	if err := writeFile(s.pointer(), strconv.Itoa(v.number)+"\n"); err != nil {
		return domain.Wrap(domain.Unavailable, err, "The rebuilt view cannot be put in place")
	}
	s.mu.Lock()
	before := s.live
	s.live = v
	s.old[before] = struct{}{}
	before.retired = true
	idle := before.refs == 0
	s.mu.Unlock()
	if idle {
		s.drop(before)
	}
	return nil
}

// acquire returns the serving version, which stays open until released.
func (s *versions) acquire() *version {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live.refs++
	return s.live
}

// hold keeps one version open until released.
func (s *versions) hold(v *version) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.refs++
}

func (s *versions) release(v *version) {
	s.mu.Lock()
	v.refs--
	last := v.retired && v.refs == 0
	s.mu.Unlock()
	if last {
		s.drop(v)
	}
}

func (s *versions) drop(v *version) {
	s.mu.Lock()
	delete(s.old, v)
	s.mu.Unlock()
	if err := errors.Join(v.close(), v.remove()); err != nil {
		s.logger.Warn("an old version of the view stays until the next start", "file", v.path, "error", err)
	}
}

func (s *versions) isLive(v *version) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live == v || v.retired
}

func (s *versions) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := []error{s.live.close()}
	for v := range s.old {
		errs = append(errs, v.close(), v.remove())
	}
	return errors.Join(errs...)
}

// writeFile replaces a file durably and at once.
func writeFile(path, text string) error {
	next := path + ".next"
	if err := os.WriteFile(next, []byte(text), 0o600); err != nil {
		return err
	}
	if err := syncFile(next); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
