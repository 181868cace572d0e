package postgres

import (
	"fmt"
	"strings"

	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/readmodels/viewsql"
)

// dialect is how PostgreSQL writes what databases write differently.
var dialect = viewsql.Dialect{Param: "$", True: "%s", False: "NOT %s", Sum: "sum(%s)::bigint"}

// anySchema stands in schema statements for the schema of a version.
const anySchema = "live"

// table is the SQL of one view's table in one schema.
type table struct {
	view   readmodels.Table
	layout *readmodels.Layout
	name   string // with the schema

	find, load, all, upsert, copy, delete string
}

func newTable(view readmodels.Table, schema string) table {
	l := view.Layout()
	t := table{view: view, layout: l, name: schema + "." + l.Name}
	columns, key := viewsql.Columns(l, ""), viewsql.Key(l, "")
	from := "SELECT " + columns + " FROM " + t.name
	named := "unnest(" + arrays(l.Columns[:l.Keys]) + ") AS named (" + key + ")"
	var given, same []string
	for i, c := range l.Columns[:l.Keys] {
		given = append(given, fmt.Sprintf("%s = $%d", c.Name, i+1))
		same = append(same, "t."+c.Name+" = named."+c.Name)
	}
	t.find = from + " WHERE " + strings.Join(given, " AND ")
	t.all = from + " ORDER BY " + key
	if l.Keys == 1 {
		t.load = from + " WHERE " + key + " = ANY($1)"
		t.delete = "DELETE FROM " + t.name + " WHERE " + key + " = ANY($1)"
	} else {
		t.load = from + " JOIN " + named + " USING (" + key + ")"
		t.delete = "DELETE FROM " + t.name + " AS t USING " + named + " WHERE " + strings.Join(same, " AND ")
	}
	t.upsert = "INSERT INTO " + t.name + " (" + columns + ") SELECT * FROM unnest(" + arrays(l.Columns) + ")" +
		" ON CONFLICT (" + key + ") DO UPDATE SET " + viewsql.Updates(l)
	t.copy = "COPY " + t.name + " (" + columns + ") FROM STDIN BINARY"
	return t
}

// arrays returns parameters that are one array for each column.
func arrays(columns []readmodels.ColumnLayout) string {
	kinds := map[readmodels.Kind]string{readmodels.KindText: "text[]", readmodels.KindNumber: "bigint[]", readmodels.KindBool: "boolean[]"}
	params := make([]string, len(columns))
	for i, c := range columns {
		params[i] = fmt.Sprintf("$%d::%s", i+1, kinds[c.Kind])
	}
	return strings.Join(params, ", ")
}

// create returns the statement that makes the table, without its indexes.
func (t table) create() string {
	kinds := map[readmodels.Kind]string{readmodels.KindText: `text COLLATE "C"`, readmodels.KindNumber: "bigint", readmodels.KindBool: "boolean"}
	var b strings.Builder
	b.WriteString("CREATE TABLE " + t.name + " (\n")
	for _, c := range t.layout.Columns {
		b.WriteString("  " + c.Name + " " + kinds[c.Kind] + " NOT NULL,\n")
	}
	b.WriteString("  PRIMARY KEY (" + viewsql.Key(t.layout, "") + ")\n)")
	return b.String()
}

// tables are those of one group in one schema, in the order in which everybody locks them.
type tables []table

func tablesIn(schema string, g projections.Group) (all tables) {
	for _, view := range g.Views() {
		all = append(all, newTable(view, schema))
	}
	return all
}

func (all tables) names() string {
	names := make([]string, len(all))
	for i, t := range all {
		names[i] = t.name
	}
	return strings.Join(names, ", ")
}

func (all tables) create() string {
	var texts []string
	for _, t := range all {
		texts = append(texts, t.create())
	}
	return strings.Join(texts, ";\n")
}

// indexes returns the statements that make the indexes.
func (all tables) indexes() string {
	var texts []string
	for _, t := range all {
		for _, i := range t.layout.Indexes {
			texts = append(texts, dialect.Index(t.name, i))
		}
		if t.view == changing { // finds what changed above a position
			texts = append(texts, dialect.Index(t.name, readmodels.Index{Name: "orders_position", Columns: []string{"position"}}))
		}
	}
	return strings.Join(texts, ";\n")
}

func (all tables) sums() viewsql.Sums {
	schemas := map[*readmodels.Layout]string{}
	var views []readmodels.Table
	for _, t := range all {
		views, schemas[t.layout] = append(views, t.view), t.name
	}
	return dialect.Sums(views, func(l *readmodels.Layout) string { return schemas[l] })
}
