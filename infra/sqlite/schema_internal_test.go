package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/readmodels/readmodelstest"
)

// The files in testdata/schema are the schemas of programs that kept them in files.
func olderSchema(t *testing.T, group string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "schema", group+".sql"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func inMemory(t *testing.T, statements ...string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file::memory:")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() }) // it is thrown away
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	return db
}

// shape lists the columns, indexes and kinds of all tables of a database.
func shape(t *testing.T, db *sql.DB) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `
		SELECT 'table ' || l.name || ' ' || l.wr || l.strict || ' ' || c.cid || ' ' || c.name || ' ' || c.type || ' ' || c.pk || ' ' || (c."notnull" OR c.pk)
		FROM pragma_table_list AS l, pragma_table_info(l.name) AS c WHERE l.name NOT LIKE 'sqlite%'
		UNION ALL
		SELECT 'index ' || i."unique" || i.origin || i.partial || ' ' || m.tbl_name || ' ' || c.seqno || ' ' || c.name || ' ' || coalesce(substr(m.sql, instr(m.sql, 'WHERE')), '')
		FROM sqlite_schema AS m, pragma_index_list(m.tbl_name) AS i, pragma_index_info(m.name) AS c WHERE m.type = 'index' AND i.name = m.name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // it only read
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Join(strings.Fields(line), " "))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

func opened(t *testing.T, g projections.Group) *versions {
	t.Helper()
	s, err := newVersions(t.Context(), t.TempDir(), g, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.close() }) // it is thrown away
	return s
}

// TestTheSchemaIsThatOfOlderPrograms fails when a file of an older program would be
// filled again; see projections.OlderNames.
func TestTheSchemaIsThatOfOlderPrograms(t *testing.T) {
	for _, g := range projections.Groups() {
		older, ok := projections.OlderNames()[g.Name]
		if !ok {
			continue // it has changed since
		}
		s := opened(t, g)
		if want := g.Name + " fold " + older["fold"].Name + " schema " + older["sqlite"].Name; s.tag != want {
			t.Errorf("the tag is %s, not %s", s.tag, want)
		}
		have := shape(t, inMemory(t, append(s.schema()[1:], s.holesTable())...))
		want := shape(t, inMemory(t, olderSchema(t, g.Name), olderSchema(t, "holes")))
		if !slices.Equal(have, want) {
			t.Errorf("%s has\n%s\nnot\n%s", g.Name, strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
		if len(have) < 10 {
			t.Errorf("%s: the comparison sees only %v", g.Name, have)
		}
	}
}

// planned is a source that keeps how SQLite would answer.
type planned struct {
	versions map[readmodels.Table]*versions
	plan     string
}

func (p *planned) Find(ctx context.Context, view readmodels.Table, _ string, _ readmodels.Set) error {
	s := p.versions[view]
	return p.explain(ctx, s, s.table(view).find, make([]any, strings.Count(s.table(view).find, "?")))
}

func (p *planned) Select(ctx context.Context, view readmodels.Table, q readmodels.Query, _ readmodels.Set) error {
	text, args := dialect.Select(view.Layout().Name, view.Layout(), q)
	return p.explain(ctx, p.versions[view], text, args)
}

func (p *planned) Count(ctx context.Context, view readmodels.Table, of ...[]readmodels.Condition) ([]int64, error) {
	text, args := dialect.Count(view.Layout().Name, of)
	return make([]int64, len(of)), p.explain(ctx, p.versions[view], text, args)
}

func (p *planned) explain(ctx context.Context, s *versions, text string, args []any) error {
	rows, err := s.live.read.QueryContext(ctx, "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", text, err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	p.plan = ""
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			return err
		}
		p.plan += detail + "; "
	}
	return rows.Err()
}

// TestQuestionsUseAnIndex asks how SQLite would answer each question, with every
// combination of filters of the list of orders.
func TestQuestionsUseAnIndex(t *testing.T) {
	p := &planned{versions: map[readmodels.Table]*versions{}}
	for _, g := range projections.Groups() {
		s := opened(t, g)
		for _, view := range g.Views() {
			p.versions[view] = s
		}
	}
	readmodelstest.EveryQuestion(t.Context(), readmodels.Reader{Source: p}, func(question, index string, err error) {
		if domain.KindOf(err) != domain.NotFound && err != nil {
			t.Errorf("%s: %v", question, err)
		}
		if index == "" { // the primary key
			index = "PRIMARY KEY"
			if strings.Contains(p.plan, "USING INDEX sqlite_autoindex") {
				index = "sqlite_autoindex"
			}
		}
		if !strings.Contains(p.plan, index) || strings.Contains(p.plan, "SCAN orders;") || strings.Contains(p.plan, "TEMP B-TREE") {
			t.Errorf("%s: %s; want %s", question, p.plan, index)
		}
	})
}
