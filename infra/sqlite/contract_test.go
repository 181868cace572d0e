package sqlite_test

import (
	"testing"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/sqlite"
	"orderflow/projections"
	"orderflow/projections/projectionstest"
	"orderflow/readmodels"
	"orderflow/readmodels/readmodelstest"
)

func TestViews(t *testing.T) {
	projectionstest.Run(t, func(t *testing.T) projections.Views { return open(t, t.TempDir()) })
}

func TestReaders(t *testing.T) {
	readmodelstest.Run(t, func(t *testing.T) (readmodels.Readers, func(readmodels.Rows)) {
		v := open(t, t.TempDir())
		return v, func(r readmodels.Rows) {
			for _, g := range projections.Groups() {
				put(t, v, g.Name, projectionstest.RowsOf(g, r))
			}
		}
	})
}

func put(t *testing.T, v *sqlite.Views, group string, rows readmodels.Rows) {
	t.Helper()
	g, err := projections.GroupOf(group)
	if err != nil {
		t.Fatal(err)
	}
	s, err := v.Live(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), projections.Batch{Above: 0, To: projectionstest.At(1), Rows: rows}); err != nil {
		t.Fatal(err)
	}
}

// A payment or the work of an order that is not there is refused: it would have
// the number of another.
func TestWhatBelongsToNoOrderIsRefused(t *testing.T) {
	g, err := projections.GroupOf(projections.Orders)
	if err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string]readmodels.Rows{
		"a payment": readmodels.PaymentView.Rows(readmodels.Payment{Order: "ord_nobody"}),
		"its work":  readmodels.FulfilmentView.Rows(readmodels.Fulfilment{Order: "ord_nobody"}),
	} {
		t.Run(name, func(t *testing.T) {
			s, err := open(t, t.TempDir()).Live(t.Context(), g)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Write(t.Context(), projections.Batch{To: projectionstest.At(1), Rows: rows}); domain.KindOf(err) != domain.Internal {
				t.Errorf("it was written: %v", err)
			}
			if at, err := s.Checkpoint(t.Context()); at != (eventlog.Checkpoint{}) || err != nil {
				t.Errorf("the view stands at %+v, %v", at, err)
			}
		})
	}
}
