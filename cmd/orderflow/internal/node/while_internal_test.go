package node

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/eventlog"
)

// TestAPartThatEndsEndsTheWhole ends one part of a node, with an error and
// without one: what the node is run for is canceled at once, and the result
// says which part it was and why.
func TestAPartThatEndsEndsTheWhole(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		kind domain.Kind
		says string
	}{
		"with an error":    {domain.Errorf(domain.Invalid, "no such position"), domain.Invalid, "no such position"},
		"without an error": {nil, domain.Internal, "although the node goes on"},
	} {
		t.Run(name, func(t *testing.T) {
			app, err := New(t.Context(), Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			end := make(chan struct{})
			app.runs("part under test", func(context.Context) error { <-end; return c.err })
			err = app.While(t.Context(), func(ctx context.Context) error {
				close(end)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(30 * time.Second):
					t.Error("it goes on")
					return nil
				}
			})
			if domain.KindOf(err) != c.kind || !strings.Contains(err.Error(), "part under test") || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it ended with kind %s: %v", domain.KindOf(err), err)
			}
			if err := app.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestABrokenViewEndsTheWhole: what the node is run for would wait for the view in vain.
func TestABrokenViewEndsTheWhole(t *testing.T) {
	app, err := New(t.Context(), Config{Data: t.TempDir()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = app.While(t.Context(), func(ctx context.Context) error {
		e := eventlog.Pending{ID: eventlog.EventID{1}, Type: "order.confirmed.v1", Data: []byte(`{}`)}
		if _, err := app.Log.Append(ctx, "order-ord_nobody", 0, e); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(30 * time.Second):
			t.Error("it goes on")
			return nil
		}
	})
	if domain.KindOf(err) != domain.Unavailable || !strings.Contains(err.Error(), "view orders") {
		t.Errorf("it ended with kind %s: %v", domain.KindOf(err), err)
	}
	if err := app.Close(); err != nil {
		t.Error(err)
	}
}
