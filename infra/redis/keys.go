package redis

import (
	"fmt"
	"hash/fnv"
	"strconv"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// form numbers the stored forms. A change that an older program would read
// wrongly takes the next number, and so other keys.
const form = "v1"

const (
	// tagCount is over how many slots of a cluster the rows of a group are
	// spread: enough that three to six masters get about the same, few enough
	// that a batch is few scripts.
	tagCount = 16
	// breakerCount is the number of breakers: one for each tag of each group, and
	// as many for all other keys.
	breakerCount = (groupCount + 1) * tagCount
)

// The groups that are mirrored.
const (
	orders = iota
	stock
	groupCount
)

func groupOf(name string) (group int, ok bool) {
	for g, m := range mirroredViews {
		if m.group == name {
			return g, true
		}
	}
	return 0, false
}

// tag names the keys of one slot.
type tag struct{ group, n int }

func tagOf(group int, key string) tag {
	return tag{group, int(hash(key) % tagCount)}
}

func hash(key string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key))
	return h.Sum32()
}

func (t tag) breakerKey() int { return t.group*tagCount + t.n }

// breakerKeyOf returns the index of the breaker of a key without a tag.
func breakerKeyOf(key string) int { return groupCount*tagCount + int(hash(key)%tagCount) }

// layout makes the keys of one Redis.
type layout struct {
	prefix string
	heads  [groupCount][tagCount]string // of the keys of each tag
}

func newLayout(prefix string) *layout {
	l := &layout{prefix: prefix}
	for g, m := range mirroredViews {
		fold := ""
		if group, err := projections.GroupOf(m.group); err == nil {
			fold = group.FoldVersion()
		}
		for n := range tagCount {
			l.heads[g][n] = fmt.Sprintf("%s:%s:%s:{%c%d}", prefix, form, fold, m.group[0], n)
		}
	}
	return l
}

func (l *layout) state(t tag) string { return l.heads[t.group][t.n] }

// row returns the tag and the key of the copy of a row, by the row's key.
func (l *layout) row(group int, key string) (tag, string) {
	spread, name := mirroredViews[group].place(key)
	t := tagOf(group, spread)
	return t, l.state(t) + ":" + name
}

func (l *layout) order(id domain.OrderID) (tag, string) {
	return l.row(orders, string(id))
}

func (l *layout) stock(w domain.Warehouse, sku domain.SKU) (tag, string) {
	return l.row(stock, readmodels.StockKey(w, sku))
}

func (l *layout) available(w domain.Warehouse, sku domain.SKU) (tag, string) {
	t := tagOf(stock, string(sku))
	return t, l.state(t) + ":stock:distributed:" + article(w, sku)
}

// article has the length of the warehouse in it, so that no two articles share a name.
func article(w domain.Warehouse, sku domain.SKU) string {
	return strconv.Itoa(len(w)) + ":" + string(w) + ":" + string(sku)
}

// plain returns a key without a tag.
func (l *layout) plain(kind, name string) string {
	return l.prefix + ":" + form + ":" + kind + ":" + name
}
