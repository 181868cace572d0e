package bench

import (
	"context"
	"errors"
	"testing"
)

// TestOneFailureCostsNoOtherFigure has one benchmark fail, and the context end in another.
func TestOneFailureCostsNoOtherFigure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	broken := errors.New("it broke")
	results, err := measureAll(ctx, []string{"a", "b", "c", "d"}, func(name string) (Figure, error) {
		switch name {
		case "b":
			return Figure{}, broken
		case "c":
			stop()
		}
		return Figure{Name: name, Value: 7}, nil
	})
	if len(results) != 2 || results[0].Name != "a" || results[1].Name != "c" {
		t.Errorf("the figures are %+v", results)
	}
	if !errors.Is(err, broken) || !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
