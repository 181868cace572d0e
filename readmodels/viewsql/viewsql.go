// Package viewsql writes the SQL statements about the rows of views from their
// descriptors, as far as all stores need the same ones. What is special about one
// database is in its [Dialect], or in the adapter.
package viewsql

import (
	"fmt"
	"strconv"
	"strings"

	"orderflow/readmodels"
)

// Dialect is how a database writes what databases write differently.
type Dialect struct {
	Param       string // what stands before the number of a parameter: "?" or "$"
	True, False string // a column that is true or false, with %s for its name
	Sum         string // the sum of a column as a number of 64 bits, with %s for its name
}

// Columns returns the columns of a view, separated by commas, with a prefix before each.
func Columns(l *readmodels.Layout, prefix string) string {
	return join(l.Columns, func(c readmodels.ColumnLayout) string { return prefix + c.Name })
}

// Key returns the columns of a view's key as Columns does.
func Key(l *readmodels.Layout, prefix string) string {
	return join(l.Columns[:l.Keys], func(c readmodels.ColumnLayout) string { return prefix + c.Name })
}

// Updates returns the assignments that give a row the columns of a new one, which are
// all that can change.
func Updates(l *readmodels.Layout) string {
	var changing []readmodels.ColumnLayout
	for _, c := range l.Columns {
		if !c.Fixed {
			changing = append(changing, c)
		}
	}
	return join(changing, func(c readmodels.ColumnLayout) string { return c.Name + " = excluded." + c.Name })
}

func join[T any](list []T, text func(T) string) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = text(v)
	}
	return strings.Join(parts, ", ")
}

// Select returns the statement that answers a query from a table, and its arguments. A
// condition that a query does not have is not in the statement either, so that the
// database plans with the index for those that it has.
func (d Dialect) Select(table string, l *readmodels.Layout, q readmodels.Query) (text string, args []any) {
	text = "SELECT " + Columns(l, "") + " FROM " + table
	conditions, args := d.where(q.Where, nil)
	text += conditions
	if len(q.Order) > 0 {
		direction := ""
		if q.Descending {
			direction = " DESC"
		}
		text += " ORDER BY " + strings.Join(q.Order, direction+", ") + direction
	}
	if q.Limit > 0 {
		args = append(args, q.Limit)
		text += " LIMIT " + d.param(len(args))
	}
	return text, args
}

// Count returns one statement that counts the rows for each set of conditions.
func (d Dialect) Count(table string, of [][]readmodels.Condition) (text string, args []any) {
	counts := make([]string, len(of))
	for i, conditions := range of {
		var where string
		where, args = d.where(conditions, args)
		counts[i] = "(SELECT count(*) FROM " + table + where + ")"
	}
	return "SELECT " + strings.Join(counts, ", "), args
}

// Index returns the statement that makes an index of a table.
func (d Dialect) Index(table string, i readmodels.Index) string {
	where, _ := d.where(i.Where, nil)
	return "CREATE INDEX " + i.Name + " ON " + table + " (" + strings.Join(i.Columns, ", ") + ")" + where
}

// where returns the clause for conditions, and args with their values added.
func (d Dialect) where(all []readmodels.Condition, args []any) (string, []any) {
	var b strings.Builder
	for i, c := range all {
		if i == 0 {
			b.WriteString(" WHERE ")
		} else {
			b.WriteString(" AND ")
		}
		args = append(args, c.Values...)
		b.WriteString(d.condition(c, len(args)-len(c.Values)))
	}
	return b.String(), args
}

// condition returns the text of one condition, whose values follow after so many.
func (d Dialect) condition(c readmodels.Condition, after int) string {
	columns := strings.Join(c.Columns, ", ")
	switch c.Is {
	case readmodels.True:
		return fmt.Sprintf(d.True, columns)
	case readmodels.False:
		return fmt.Sprintf(d.False, columns)
	case readmodels.Empty:
		return columns + " = ''"
	case readmodels.Filled:
		return columns + " <> ''"
	case readmodels.Equal, readmodels.AtLeast, readmodels.Above, readmodels.Below:
	}
	operator := map[readmodels.Comparison]string{
		readmodels.Equal: " = ", readmodels.AtLeast: " >= ", readmodels.Above: " > ", readmodels.Below: " < ",
	}[c.Is]
	if len(c.Columns) == 1 {
		return columns + operator + d.param(after+1)
	}
	params := make([]string, len(c.Columns))
	for i := range params {
		params[i] = d.param(after + i + 1)
	}
	return "(" + columns + ")" + operator + "(" + strings.Join(params, ", ") + ")"
}

func (d Dialect) param(n int) string { return d.Param + strconv.Itoa(n) }
