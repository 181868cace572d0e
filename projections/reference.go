package projections

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"orderflow/domain"
	"orderflow/domain/catalog"
	"orderflow/domain/eventlog"
	"orderflow/domain/fulfilment"
	"orderflow/domain/inventory"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/domain/shipment"
)

// The extent of the reference: enough that every event type comes after most others, and
// that every column has several values; little enough that a start does not notice it.
const (
	referenceHistories = 16 // orders, warehouses or products
	referenceEvents    = 48 // of each
	referenceHoles     = 8  // one history of so many lacks its beginning
)

// sample is an event type and the type of its fact.
type sample struct {
	category, name string
	fact           reflect.Type
}

// reference returns histories of all event types of some categories, with all fields
// filled in: one history for each thing that the events are about. They are drawn at
// random, always the same, from the types that the codecs list, so that a new event or
// field is in them by itself. Many such events cannot follow on each other; what a fold
// does then is a part of what it does.
func reference(categories []string) [][]eventlog.Recorded {
	all := samples()
	all = slices.DeleteFunc(all, func(s sample) bool { return !slices.Contains(categories, s.category) })
	begins := func(s sample) bool {
		return s.name == order.Placed{}.EventType() || s.name == catalog.Listed{}.EventType()
	}
	first := slices.DeleteFunc(slices.Clone(all), func(s sample) bool { return !begins(s) })
	later := slices.DeleteFunc(slices.Clone(all), begins)
	d := &drawing{}
	histories := make([][]eventlog.Recorded, referenceHistories)
	for h := range histories {
		versions := map[eventlog.Stream]eventlog.Version{}
		for i := range referenceEvents {
			from := all
			switch {
			case h%referenceHoles == 0: // it lacks its beginning
				from = later
			case i == 0 && len(first) > 0:
				from = first
			}
			s := from[d.below(len(from))]
			stream := eventlog.Stream(fmt.Sprintf("%s-x%d", s.category, h))
			if _, begun := versions[stream]; !begun && i > 0 && h%referenceHoles == 1 { // only its first stream is whole
				versions[stream] = 1
			}
			versions[stream]++
			fact := reflect.New(s.fact).Elem()
			d.fill(fact)
			data, err := json.Marshal(fact.Interface())
			if err != nil { // no event has a field that cannot be encoded
				continue
			}
			position := eventlog.Position(h*referenceEvents*2 + 2*i + 1)
			histories[h] = append(histories[h], eventlog.Recorded{
				Stream: stream, Version: versions[stream], Position: position, Type: s.name, Data: data,
				At: referenceTime.Add(time.Duration(position) * time.Minute),
			})
		}
	}
	return histories
}

// referenceTime has parts of a microsecond, which no store keeps.
var referenceTime = time.Date(2010, 12, 1, 8, 26, 0, 1_234, time.UTC)

// samples returns all event types, sorted.
func samples() []sample {
	return slices.Concat(
		samplesOf(order.Category, order.Codec), samplesOf(payment.Category, payment.Codec),
		samplesOf(fulfilment.Category, fulfilment.Codec), samplesOf(shipment.Category, shipment.Codec),
		samplesOf(inventory.Category, inventory.Codec), samplesOf(catalog.Category, catalog.Codec),
	)
}

func samplesOf[E eventlog.Typed](category string, codec eventlog.Codec[E]) (all []sample) {
	for _, name := range slices.Sorted(maps.Keys(codec)) {
		if fact, err := codec[name]([]byte("{}")); err == nil {
			all = append(all, sample{category: category, name: name, fact: reflect.TypeOf(fact)})
		}
	}
	return all
}

// drawing draws values at random, always the same: SplitMix64.
type drawing struct{ state uint64 }

func (d *drawing) below(n int) int {
	d.state += 0x9e3779b97f4a7c15
	z := d.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(n))
}

// fill fills in a value and all below it. Texts and numbers are few, so that some are
// the same.
func (d *drawing) fill(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(referenceTime.Add(time.Duration(d.below(100)) * time.Hour)))
		return
	case domain.Money:
		currency := "EUR"
		if d.below(8) == 0 {
			currency = "GBP"
		}
		v.Set(reflect.ValueOf(domain.Money{Minor: int64(d.below(100)), Currency: currency}))
		return
	}
	switch v.Kind() { //nolint:exhaustive // all others stay zero
	case reflect.String:
		v.SetString(fmt.Sprint("s", d.below(4)))
	case reflect.Bool:
		v.SetBool(d.below(2) == 0)
	case reflect.Int, reflect.Int64, reflect.Int32:
		v.SetInt(int64(d.below(4)))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), d.below(4), 4))
		for i := range v.Len() {
			d.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				d.fill(v.Field(i))
			}
		}
	}
}
