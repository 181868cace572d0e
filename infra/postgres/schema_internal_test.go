package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/infra/deploy/servicestest"
	"orderflow/projections"
	"orderflow/readmodels"
	"orderflow/readmodels/readmodelstest"
)

func openViews(t *testing.T) *Views {
	t.Helper()
	s, err := Open(t.Context(), Options{URL: servicestest.Postgres(t), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // its database is thrown away
	v, err := s.Views(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// shape lists the columns and indexes of all tables of a schema.
func shape(t *testing.T, l *versions, schema string) []string {
	t.Helper()
	rows, err := l.pool.Query(t.Context(), `
		SELECT table_name || ' ' || ordinal_position || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(collation_name, '')
		FROM information_schema.columns WHERE table_schema = $1
		UNION ALL SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = $1`, schema)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// TestTheSchemaIsThatOfOlderPrograms fails when programs would no longer share their
// views with older ones, whose schemas are in testdata/schema; see projections.OlderNames.
func TestTheSchemaIsThatOfOlderPrograms(t *testing.T) {
	t.Parallel()
	v := openViews(t)
	for _, g := range projections.Groups() {
		names, ok := projections.OlderNames()[g.Name]
		if !ok {
			continue // it has changed since
		}
		l := v.groups[g.Name]
		if want := g.Name + " fold " + names["fold"].Name + " schema " + names["postgres"].Name; l.tag != want {
			t.Errorf("the tag is %s, not %s", l.tag, want)
		}
		older := "older_" + g.Name
		text := "CREATE SCHEMA " + older
		for _, file := range []string{".sql", "_indexes.sql"} {
			schema, err := os.ReadFile(filepath.Join("testdata", "schema", g.Name+file))
			if err != nil {
				t.Fatal(err)
			}
			text += ";\n" + strings.ReplaceAll(string(schema), " live.", " "+older+".")
		}
		if _, err := l.pool.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
		serving, err := l.current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		have, want := shape(t, l, serving.schema), shape(t, l, older)
		if !slices.Equal(have, want) {
			t.Errorf("%s has\n%s\nnot\n%s", g.Name, strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
		if len(have) < 7 {
			t.Errorf("%s: the comparison sees only %v", g.Name, have)
		}
	}
}

// planned is a source that keeps how PostgreSQL would answer.
type planned struct {
	*Views
	plan string
}

func (p *planned) Find(ctx context.Context, view readmodels.Table, key string, _ readmodels.Set) error {
	l := p.of[view]
	var args arguments
	if err := view.Layout().EncodeKey(key, &args); err != nil {
		return err
	}
	return p.explain(ctx, l, l.table(view).find, args.list)
}

func (p *planned) Select(ctx context.Context, view readmodels.Table, q readmodels.Query, _ readmodels.Set) error {
	l := p.of[view]
	text, args := dialect.Select(l.table(view).name, view.Layout(), q)
	return p.explain(ctx, l, text, args)
}

func (p *planned) Count(ctx context.Context, view readmodels.Table, of ...[]readmodels.Condition) ([]int64, error) {
	l := p.of[view]
	text, args := dialect.Count(l.table(view).name, of)
	return make([]int64, len(of)), p.explain(ctx, l, text, args)
}

func (p *planned) explain(ctx context.Context, l *versions, text string, args []any) error {
	rows, err := l.pool.Query(ctx, "EXPLAIN "+text, args...)
	if err != nil {
		return err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	p.plan = strings.Join(lines, "\n")
	return err
}

// manyRows are enough rows that an index is the better plan.
func manyRows() readmodels.Rows {
	var rows readmodels.Rows
	start := time.Date(2011, 3, 4, 5, 6, 7, 0, time.UTC)
	for i := range 20_000 {
		id, at := domain.OrderID(fmt.Sprint("ord_", i)), start.Add(time.Duration(i)*time.Second)
		o := readmodels.Order{ID: id, Customer: domain.CustomerID(fmt.Sprint("c", i%500)), Status: readmodels.OrderConfirmed, PlacedAt: at}
		f := readmodels.Fulfilment{Order: id, Finished: true, UpdatedAt: at, QuietUntil: at}
		if i%300 == 0 {
			o.Status, f.Finished = readmodels.OrderCancelling, false
		}
		if i%900 == 0 {
			f.AttentionStep = "refund"
		}
		readmodels.OrderView.Add(&rows, o)
		readmodels.PaymentView.Add(&rows, readmodels.Payment{Order: id})
		readmodels.FulfilmentView.Add(&rows, f)
		readmodels.SalesView.Add(&rows, readmodels.SalesDay{Day: readmodels.Day(start).AddDate(0, 0, i), Currency: "GBP"})
		sku := domain.SKU(fmt.Sprint("sku", i))
		readmodels.StockView.Add(&rows, readmodels.Stock{Warehouse: "main", SKU: sku})
		readmodels.ProductView.Add(&rows, readmodels.Product{SKU: sku, Listed: i%2 == 0})
	}
	return rows
}

// TestQuestionsUseAnIndex asks how PostgreSQL would answer each question, with every
// combination of filters of the list of orders.
func TestQuestionsUseAnIndex(t *testing.T) {
	t.Parallel()
	v, rows := openViews(t), manyRows()
	for _, g := range projections.Groups() {
		b, err := v.Build(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		mine := readmodels.Rows{}
		for _, view := range g.Views() {
			mine[view] = rows[view]
		}
		if err := b.Write(t.Context(), projections.Batch{To: eventlog.Checkpoint{Event: eventlog.Mark{Position: 1}}, Rows: mine}); err != nil {
			t.Fatal(err)
		}
		if err := b.Promote(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p := &planned{Views: v}
	readmodelstest.EveryQuestion(t.Context(), readmodels.Reader{Source: p}, func(question, index string, err error) {
		if err != nil && domain.KindOf(err) != domain.NotFound {
			t.Errorf("%s: %v", question, err)
		}
		if index == "" {
			index = "pkey"
		}
		if !strings.Contains(p.plan, index) || strings.Contains(p.plan, "Seq Scan") {
			t.Errorf("%s is answered by\n%s\nwithout the index %s", question, p.plan, index)
		}
	})
}
