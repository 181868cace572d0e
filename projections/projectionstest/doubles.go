package projectionstest

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"sync"

	"orderflow/domain/eventlog"
)

// gate is a log whose readings of all stop behind the first event until it is
// opened: enough to see that there is one.
type gate struct {
	HealingLog
	open chan struct{}
}

// ReadAll implements eventlog.Store.
func (g *gate) ReadAll(ctx context.Context, above eventlog.Position, categories ...string) iter.Seq2[eventlog.Recorded, error] {
	return func(yield func(eventlog.Recorded, error) bool) {
		for r, err := range g.HealingLog.ReadAll(ctx, above, categories...) {
			if !yield(r, err) {
				return
			}
			select {
			case <-g.open:
			case <-ctx.Done():
			}
		}
	}
}

// warnings is a handler of logs that keeps what warns.
type warnings struct {
	slog.Handler

	mu   sync.Mutex
	told []string
}

// Enabled implements slog.Handler.
func (w *warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// WithAttrs implements slog.Handler.
func (w *warnings) WithAttrs([]slog.Attr) slog.Handler { return w }

// Handle implements slog.Handler.
func (w *warnings) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, text)
	return nil
}

func (w *warnings) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.told...)
}

func (w *warnings) count(part string) (n int) {
	for _, text := range w.all() {
		if strings.Contains(text, part) {
			n++
		}
	}
	return n
}
