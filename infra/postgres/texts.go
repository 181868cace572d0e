package postgres

import (
	"strings"
	"sync"
)

// texts are the statements with one schema in place of live.
type texts struct {
	schema string

	mu  sync.Mutex
	all map[string]string // by name
}

func newTexts(schema string) *texts { return &texts{schema: schema, all: map[string]string{}} }

func (t *texts) of(name string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, ok := t.all[name]
	if !ok {
		text = t.in(statement(name))
		t.all[name] = text
	}
	return text
}

func (t *texts) in(text string) string { return strings.ReplaceAll(text, " live.", " "+t.schema+".") }
