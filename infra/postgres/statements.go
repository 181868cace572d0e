package postgres

import (
	"strings"
	"sync"
)

// statements caches the SQL statements with a version's schema in place of live.
type statements struct {
	schema string

	mu  sync.Mutex
	all map[string]string // by name
}

func newStatements(schema string) *statements {
	return &statements{schema: schema, all: map[string]string{}}
}

// of returns the statement with a name.
func (t *statements) of(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, ok := t.all[name]
	if !ok {
		text = t.in(statement(name))
		t.all[name] = text
	}
	return text
}

func (t *statements) in(text string) string {
	return strings.ReplaceAll(text, " live.", " "+t.schema+".")
}
