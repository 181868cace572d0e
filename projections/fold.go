package projections

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"sync"

	"orderflow/readmodels"
)

// FoldVersion names the fold from events to rows by what it does: it is a digest of the rows
// that follow from [reference] events. If a view, a row or a rule changes the rows, so
// does the name, and a store that was filled with another fold is rebuilt. No number has
// to be remembered.
func (g Group) FoldVersion() string {
	return OlderName("fold", g.Name, digests()[g.Name])
}

// digests are those of all groups. They are the same for as long as the program runs.
var digests = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for _, g := range Groups() {
		all[g.Name] = g.digest()
	}
	return all
})

// digest folds the reference events and digests what they did. An event that cannot be
// folded is left out, and that it cannot is a part of the digest.
func (g Group) digest() string {
	var d digester
	ctx, decoder := context.Background(), newDecoder()
	u := newUnit(g, nothing{})
	for _, history := range reference(g.Categories) {
		for _, r := range history {
			e, err := decoder.decode(r)
			if err == nil {
				err = u.fold(ctx, e)
			}
			if d.Bool(err == nil); err == nil {
				d.rows(g, u.dirty())
			}
			u.markWritten()
		}
	}
	return d.sum()
}

// nothing is the store of a unit whose rows are all in memory.
type nothing struct{ Store }

// Load implements [Store].
func (nothing) Load(context.Context, readmodels.Keys) (readmodels.Rows, error) { return nil, nil }

// digester is a [readmodels.Sink] that digests what it takes.
type digester struct{ data []byte }

// Text implements [readmodels.Sink].
func (d *digester) Text(s string) {
	d.Number(int64(len(s)))
	d.data = append(d.data, s...)
}

// Number implements [readmodels.Sink].
func (d *digester) Number(n int64) { d.data = binary.BigEndian.AppendUint64(d.data, uint64(n)) }

// Bool implements [readmodels.Sink].
func (d *digester) Bool(b bool) {
	if b {
		d.Number(1)
		return
	}
	d.Number(0)
}

// rows adds the changed rows of a group's views.
func (d *digester) rows(g Group, changed readmodels.Rows) {
	for _, view := range g.Tables() {
		set := changed[view]
		if set == nil {
			continue
		}
		d.Text(view.Layout().Name)
		for i := range set.Len() {
			if err := view.Encode(set.At(i), d); err != nil {
				d.Text("it cannot be encoded")
			}
		}
	}
}

// sum returns the digest.
func (d *digester) sum() string {
	sum := sha256.Sum256(d.data)
	return hex.EncodeToString(sum[:8])
}
