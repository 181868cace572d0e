package projections

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"orderflow/domain/eventlog"
	"orderflow/readmodels"
)

// MaxDifferences bounds the differences a report lists; all are counted.
const MaxDifferences = 1_000

// Report is the result of a verification. The group's serving rows were compared
// with rows computed from the log up to the same position, one by one,
// and the store's sums with sums taken from the log by other code.
type Report struct {
	Group       string
	Position    eventlog.Position // where both stood
	Rows        int64             // compared
	Events      int64             // replayed
	Sums        Sums              // as the log has them
	Differences []Difference      // the first MaxDifferences
	Incomplete  int64             // streams whose beginning the log lacks: their events were set aside, see [MaxHoles]
	Holes       []readmodels.Hole // the first MaxHoles of them
	Different   int64             // all differences
}

// OK reports whether the view agrees with the log.
func (r Report) OK() bool { return r.Different == 0 }

// Difference is one thing on which view and log disagree.
type Difference struct {
	View  string // "orders", …, or "sums"
	Key   string // of the row, or the name of the sum
	Field string // empty when the whole row is missing or surplus
	Have  string // as the view has it; empty when it lacks the row
	Want  string // as the log has it; empty when there should be no such row
}

func (d Difference) String() string {
	switch {
	case d.Field != "":
		return fmt.Sprintf("%s %s: %s is %s, the log says %s", d.View, d.Key, d.Field, d.Have, d.Want)
	case d.Have == "":
		return fmt.Sprintf("%s %s: is missing", d.View, d.Key)
	default:
		return fmt.Sprintf("%s %s: should not be there", d.View, d.Key)
	}
}

func (r *Report) add(d Difference) {
	r.Different++
	if len(r.Differences) < MaxDifferences {
		r.Differences = append(r.Differences, d)
	}
}

// verify plays the shadow close to the live position first, so that the
// snapshot of the serving rows is held only for the last events and the comparison.
func (p *projector) verify(ctx context.Context, progress func(Progress)) (Report, error) {
	near, err := p.position(ctx)
	if err != nil {
		return Report{}, err
	}
	b, err := p.views.Build(ctx, p.group)
	if err != nil {
		return Report{}, err
	}
	defer b.Discard(context.WithoutCancel(ctx)) //nolint:errcheck // the next start removes what is left
	shadow, err := newApplier(ctx, p.group, b)
	if err != nil {
		return Report{}, err
	}
	report := Report{Group: p.group.Name}
	told := func(at eventlog.Position, n int) {
		report.Events += int64(n)
		if progress != nil {
			progress(Progress{Position: at, End: near, Events: report.Events})
		}
	}
	if _, err := shadow.replay(ctx, p.log, near, told); err != nil {
		return report, err
	}
	live, err := p.views.Live(ctx, p.group)
	if err != nil {
		return report, err
	}
	have, err := live.Snapshot(ctx)
	if err != nil {
		return report, err
	}
	defer have.Close() //nolint:errcheck // it only read
	report.Position = have.Position()
	if _, err := shadow.replay(ctx, p.log, report.Position, told); err != nil {
		return report, err
	}
	want, err := b.Snapshot(ctx)
	if err != nil {
		return report, err
	}
	defer want.Close() //nolint:errcheck // it only read
	if err := report.compareRows(p.group.Tables(), have.Rows(ctx), report.incomplete(want.Rows(ctx))); err != nil {
		return report, err
	}
	sums, err := have.Sums(ctx)
	if err != nil {
		return report, err
	}
	if report.Sums, err = logSums(ctx, p.log, p.group, report.Position); err != nil {
		return report, err
	}
	report.compareSums(sums)
	return report, nil
}

// incomplete passes on the rows that the log tells, and notes which streams lack
// their beginning there.
func (r *Report) incomplete(rows iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range rows {
			if h, ok := row.Value.(*readmodels.Hole); ok {
				if r.Incomplete++; len(r.Holes) < MaxHoles {
					r.Holes = append(r.Holes, *h)
				}
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// compareRows walks both sides in step: rows come view after view, by key.
func (r *Report) compareRows(views []readmodels.Table, have, want iter.Seq2[Row, error]) error {
	nextHave, stopHave := iter.Pull2(have)
	defer stopHave()
	nextWant, stopWant := iter.Pull2(want)
	defer stopWant()
	h, herr, hok := nextHave()
	w, werr, wok := nextWant()
	for hok || wok {
		if err := cmp.Or(herr, werr); err != nil {
			return err
		}
		switch order := compareKeys(views, h, w, hok, wok); {
		case order < 0:
			d := difference(h)
			d.Have = fmt.Sprintf("%+v", reflect.ValueOf(h.Value).Elem())
			r.add(d)
			h, herr, hok = nextHave()
		case order > 0:
			d := difference(w)
			d.Want = fmt.Sprintf("%+v", reflect.ValueOf(w.Value).Elem())
			r.add(d)
			w, werr, wok = nextWant()
		default:
			r.Rows++
			r.compareFields(h, w)
			h, herr, hok = nextHave()
			w, werr, wok = nextWant()
		}
	}
	return nil
}

// compareKeys compares two rows by the order in which snapshots yield them.
func compareKeys(views []readmodels.Table, h, w Row, hok, wok bool) int {
	switch {
	case !hok:
		return 1
	case !wok:
		return -1
	case h.View != w.View:
		return cmp.Compare(slices.Index(views, h.View), slices.Index(views, w.View))
	}
	return cmp.Compare(h.Key, w.Key)
}

// difference names a row; NUL is between the parts of its key.
func difference(r Row) Difference {
	return Difference{View: r.View.Layout().Name, Key: strings.ReplaceAll(r.Key, "\x00", " ")}
}

func (r *Report) compareFields(h, w Row) {
	if reflect.DeepEqual(h.Value, w.Value) {
		return
	}
	hv, wv := reflect.ValueOf(h.Value).Elem(), reflect.ValueOf(w.Value).Elem()
	for i := range hv.NumField() {
		have, want := hv.Field(i).Interface(), wv.Field(i).Interface()
		if !reflect.DeepEqual(have, want) {
			d := difference(h)
			d.Field, d.Have, d.Want = hv.Type().Field(i).Name, fmt.Sprintf("%+v", have), fmt.Sprintf("%+v", want)
			r.add(d)
		}
	}
}

func (r *Report) compareSums(have Sums) {
	names := map[string]struct{}{}
	for name := range have {
		names[name] = struct{}{}
	}
	for name := range r.Sums {
		names[name] = struct{}{}
	}
	for name := range names {
		if have[name] != r.Sums[name] {
			r.add(Difference{View: "sums", Key: name, Field: "total", Have: fmt.Sprint(have[name]), Want: fmt.Sprint(r.Sums[name])})
		}
	}
}
