package sqlite

import (
	"strings"

	"orderflow/readmodels"
	"orderflow/readmodels/viewsql"
)

// dialect is how SQLite writes what databases write differently.
var dialect = viewsql.Dialect{Param: "?", True: "%s = 1", False: "%s = 0", Sum: "sum(%s)"}

// table is the SQL of one view's table.
//
// The rows of a view that is the parent of others are numbered as they began, and what
// belongs to one lies under its number: so the rows that still change share a few
// pages, however many there are. One index finds the number of a key, which is a hash:
// each row that begins costs one page of it that is in no cache, and more such indexes
// would cost one each. All other tables are ordered by their key.
type table struct {
	view   readmodels.Table
	layout *readmodels.Layout
	number string // of the row of a key, as a question; empty for tables without numbers
	child  bool   // its numbers are those of the parent

	find, load, all string
}

// newTable returns the SQL of a view among all views of its group.
func newTable(view readmodels.Table, group []readmodels.Table) table {
	t := table{view: view, layout: view.Layout()}
	l, columns := t.layout, viewsql.Columns(t.layout, "")
	from := "SELECT " + columns + " FROM " + l.Name
	switch {
	case l.Parent != nil:
		parent := l.Parent.Layout()
		key := viewsql.Key(parent, "p.")
		t.child, t.number = true, "SELECT number FROM "+parent.Name+" WHERE "+viewsql.Key(parent, "")
		t.find = from + " WHERE number = (" + t.number + " = ?1)"
		t.load = from + " WHERE number IN (" + t.number + " IN (SELECT value FROM json_each(?1)))"
		t.all = "SELECT " + viewsql.Columns(l, "t.") + " FROM " + parent.Name + " AS p CROSS JOIN " + l.Name + " AS t ON t.number = p.number ORDER BY " + key
	case l.Keys == 1:
		key := l.Columns[0].Name
		t.find = from + " WHERE " + key + " = ?1"
		t.load = from + " WHERE " + key + " IN (SELECT value FROM json_each(?1))"
		t.all = from + " ORDER BY " + key
	default:
		var given, named []string
		for i, c := range l.Columns[:l.Keys] {
			given = append(given, c.Name+" = ?"+string(rune('1'+i)))
			named = append(named, l.Name+"."+c.Name+" = named.value ->> "+string(rune('0'+i)))
		}
		t.find = from + " WHERE " + strings.Join(given, " AND ")
		t.load = "SELECT " + columns + " FROM json_each(?1) AS named CROSS JOIN " + l.Name + " WHERE " + strings.Join(named, " AND ")
		t.all = from + " ORDER BY " + viewsql.Key(l, "")
	}
	for _, other := range group {
		if other.Layout().Parent == view {
			t.number = "number"
		}
	}
	return t
}

// numberOrder is all in the order in which rows began.
func (t table) numberOrder() string {
	if t.number == "" {
		return t.all
	}
	head, _, _ := strings.Cut(t.all, " ORDER BY ")
	if t.child {
		return head + " ORDER BY p.number"
	}
	return head + " ORDER BY number"
}

// create returns the statement that makes the table; before is "TABLE" or what may stand
// in its place.
func (t table) create(before string) string {
	var b strings.Builder
	b.WriteString("CREATE " + before + " " + t.layout.Name + " (\n")
	kinds := map[readmodels.Kind]string{readmodels.KindText: "TEXT", readmodels.KindNumber: "INTEGER", readmodels.KindBool: "INTEGER"}
	numbered := t.number != ""
	switch {
	case t.child:
		b.WriteString("  number INTEGER PRIMARY KEY CHECK (number > 0),\n") // 0 is no row of the parent
	case numbered:
		b.WriteString("  number INTEGER PRIMARY KEY,\n")
	}
	for i, c := range t.layout.Columns {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteString("  " + c.Name + " " + kinds[c.Kind] + " NOT NULL")
	}
	switch {
	case t.child:
		b.WriteString("\n) STRICT")
	case numbered:
		b.WriteString(",\n  UNIQUE (" + viewsql.Key(t.layout, "") + ")\n) STRICT")
	default:
		b.WriteString(",\n  PRIMARY KEY (" + viewsql.Key(t.layout, "") + ")\n) STRICT, WITHOUT ROWID")
	}
	return b.String()
}

// schema returns the statements that make the table and its indexes.
func (t table) schema() []string {
	all := []string{t.create("TABLE")}
	for _, i := range t.layout.Indexes {
		all = append(all, dialect.Index(t.layout.Name, i))
	}
	return all
}

// upsert returns the statement that writes n rows at once. The parameters have no
// numbers: the driver looks for numbered ones one by one.
func (t table) upsert(n int) string {
	columns, conflict := viewsql.Columns(t.layout, ""), viewsql.Key(t.layout, "")
	row := strings.Repeat(", ?", len(t.layout.Columns))[2:]
	if t.child {
		columns, conflict = "number, "+columns, "number"
		row = "ifnull((" + t.number + " = ?), 0), " + row
	}
	rows := strings.Repeat(", ("+row+")", n)[2:]
	return "INSERT INTO " + t.layout.Name + " (" + columns + ") VALUES " + rows +
		" ON CONFLICT (" + conflict + ") DO UPDATE SET " + viewsql.Updates(t.layout)
}
