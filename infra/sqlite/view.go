package sqlite

import (
	"database/sql"
	"strings"
	"time"
)

// view maps one read model to its table. The columns stand in the order of
// the _upsert and _all statements.
type view[V any] struct {
	name string
	bind func(args []any, v *V) ([]any, error) // appends one row's columns
	scan func(s scanner) (V, error)
	key  func(v V) string
}

// scanner is *sql.Row and *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

// upserts returns the statement that writes n rows at once.
func upserts(name string, n int) string {
	text := statement(name + "_upsert")
	head, rest, _ := strings.Cut(text, "VALUES ")
	row, tail, _ := strings.Cut(rest, ")\n")
	return head + "VALUES " + strings.Repeat(row+"),\n", n-1) + row + ")\n" + tail
}

// collect scans all rows and closes them.
func collect[V any](rows *sql.Rows, err error, scan func(scanner) (V, error)) ([]V, error) {
	if err != nil {
		return nil, unavailable(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	var all []V
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, unavailable(err)
		}
		all = append(all, v)
	}
	return all, unavailable(rows.Err())
}

func micros(t time.Time) int64   { return t.UnixMicro() }
func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }
