package sqlite

import (
	"database/sql"
	"encoding/json"

	"orderflow/readmodels"
)

// arguments collects the columns of rows, as arguments of a statement.
type arguments struct{ list []any }

func (a *arguments) Text(s string)  { a.list = append(a.list, s) }
func (a *arguments) Number(n int64) { a.list = append(a.list, n) }
func (a *arguments) Bool(b bool)    { a.list = append(a.list, b) }

// row adds the columns of one row as upsert has them: those of a child begin with the
// parent's key.
func (a *arguments) row(t table, row any) error {
	if t.child {
		if err := t.layout.EncodeKey(t.view.Key(row), a); err != nil {
			return err
		}
	}
	return t.view.Encode(row, a)
}

// jsonKeys returns keys as the one argument of a table's load.
func jsonKeys(l *readmodels.Layout, keys []string) (string, error) {
	if l.Keys == 1 && l.Columns[0].Kind == readmodels.KindText {
		text, err := json.Marshal(keys)
		return string(text), err
	}
	all := make([][]any, len(keys))
	for i, key := range keys {
		var a arguments
		if err := l.EncodeKey(key, &a); err != nil {
			return "", err
		}
		all[i] = a.list
	}
	text, err := json.Marshal(all)
	return string(text), err
}

// collect reads all rows into a set and closes them.
func collect(rows *sql.Rows, err error, to readmodels.Set) error {
	if err != nil {
		return unavailable(err)
	}
	defer rows.Close() //nolint:errcheck // Err below tells what matters
	for rows.Next() {
		if err := to.Read(rows.Scan); err != nil {
			return unavailable(err)
		}
	}
	return unavailable(rows.Err())
}
