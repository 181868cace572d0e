package commands

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
)

func price(minor int64) *int64 { return &minor }

// requests are those whose fingerprints are in testdata/fingerprints.golden, which the
// program wrote that listed the fields by hand. Lines may be added there, never changed.
func requests() []PlaceOrder {
	line := OrderLine{SKU: "TEAPOT", Quantity: 1}
	return []PlaceOrder{
		{Warehouse: "main", PaymentToken: "tok_visa", Lines: []OrderLine{line}},
		{Customer: "ada", IdempotencyKey: "k", PlacedAt: time.Unix(1, 0), Warehouse: "main", PaymentToken: "tok_visa", Lines: []OrderLine{line}},
		{Warehouse: "main", Lines: []OrderLine{line, {SKU: "a b", Quantity: 1 << 40}}},
		{Warehouse: "main", Lines: []OrderLine{{SKU: "1", Quantity: -2, Name: "n", PriceMinor: price(0)}, {PriceMinor: price(255)}}},
		{Warehouse: "main", History: &History{Currency: "GBP"}, Lines: []OrderLine{{SKU: "s", Quantity: 3, Name: "ü", PriceMinor: price(-5)}}},
		{Warehouse: "main", History: &History{}, Lines: []OrderLine{line}},
		{},
	}
}

func TestFingerprintsAreThoseThatWereStored(t *testing.T) {
	golden, err := os.ReadFile("testdata/fingerprints.golden")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Fields(string(golden))
	for i, r := range requests() {
		if have, err := fingerprint(r); err != nil || i >= len(want) || have != want[i] {
			t.Errorf("the fingerprint of request %d is %q, %v", i, have, err)
		}
	}
}

// TestEveryFieldOfARequestIsInItsFingerprint changes each field of a request, and of all
// that is below it.
func TestEveryFieldOfARequestIsInItsFingerprint(t *testing.T) {
	full := func() PlaceOrder {
		return PlaceOrder{
			Customer: "ada", IdempotencyKey: "k", Warehouse: "main", PaymentToken: "tok", PlacedAt: time.Unix(1, 0),
			Lines:   []OrderLine{{SKU: "s", Quantity: 1, Name: "n", PriceMinor: price(2)}},
			History: &History{Currency: "GBP"},
		}
	}
	for _, path := range fieldsOf(reflect.ValueOf(full()), "") {
		t.Run(path.name, func(t *testing.T) {
			r := full()
			before := digest(t, r)
			change(path.in(reflect.ValueOf(&r).Elem()))
			if after := digest(t, r); (after != before) == path.out {
				t.Errorf("it changed from %s to %s; the field is tagged %q: %v", before, after, "-", path.out)
			}
		})
	}
}

// TestALaterFieldTakesPartByItself is about fields that come after the first version.
func TestALaterFieldTakesPartByItself(t *testing.T) {
	type line struct {
		SKU   domain.SKU `json:"sku" fingerprint:"v1"`
		Gift  bool       `json:"gift"`
		Label *string    `json:"label,omitempty"`
	}
	type request struct {
		Token string            `json:"token" fingerprint:"v1"`
		Lines []line            `json:"lines" fingerprint:"v1"`
		Note  string            `json:"note"`
		Tags  map[string]string `json:"tags"`
	}
	text := "x"
	plain := request{Token: "t", Lines: []line{{SKU: "a"}, {SKU: "b"}}}
	if have, want := digest(t, plain), domain.Digest("t", "a", "b"); have != want {
		t.Errorf("without later fields it is %s, not as it was: %s", have, want)
	}
	seen := map[string]string{digest(t, plain): "nothing"}
	for name, r := range map[string]request{
		"a note":                {Token: "t", Lines: plain.Lines, Note: "x"},
		"tags":                  {Token: "t", Lines: plain.Lines, Tags: map[string]string{"a": "b", "c": "d"}},
		"a gift in line 0":      {Token: "t", Lines: []line{{SKU: "a", Gift: true}, {SKU: "b"}}},
		"a gift in line 1":      {Token: "t", Lines: []line{{SKU: "a"}, {SKU: "b", Gift: true}}},
		"a label":               {Token: "t", Lines: []line{{SKU: "a", Label: &text}, {SKU: "b"}}},
		"a line like its field": {Token: "t", Lines: []line{{SKU: "a"}, {SKU: "b"}, {SKU: `{"note":"x"}`}}, Note: "y"},
	} {
		d := digest(t, r)
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[d] = name
	}
	type wrong struct {
		At time.Time `json:"at" fingerprint:"v1"`
	}
	if _, err := fingerprint(wrong{}); err == nil || domain.KindOf(err) != domain.Internal {
		t.Errorf("a field that the first version cannot have is %v", err)
	}
}

func digest(t *testing.T, request any) string {
	t.Helper()
	d, err := fingerprint(request)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// field is a field without fields below it.
type field struct {
	name string
	in   func(v reflect.Value) reflect.Value // the field of a request
	out  bool                                // it does not take part
}

func fieldsOf(v reflect.Value, prefix string) (all []field) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		below, step := v.Field(i), func(v reflect.Value) reflect.Value { return v.Field(i) }
		switch {
		case below.Kind() == reflect.Slice:
			below, step = below.Index(0), func(v reflect.Value) reflect.Value { return v.Field(i).Index(0) }
		case below.Kind() == reflect.Pointer:
			below, step = below.Elem(), func(v reflect.Value) reflect.Value { return v.Field(i).Elem() }
		}
		if _, isTime := below.Interface().(time.Time); below.Kind() == reflect.Struct && !isTime {
			for _, deep := range fieldsOf(below, prefix+f.Name+".") {
				in := deep.in
				deep.in = func(v reflect.Value) reflect.Value { return in(step(v)) }
				all = append(all, deep)
			}
			continue
		}
		all = append(all, field{name: prefix + f.Name, in: step, out: f.Tag.Get("fingerprint") == "-"})
	}
	return all
}

func change(v reflect.Value) {
	switch {
	case v.Kind() == reflect.String:
		v.SetString(v.String() + "x")
	case v.CanInt():
		v.SetInt(v.Int() + 1)
	case v.Kind() == reflect.Bool:
		v.SetBool(!v.Bool())
	default:
		if at, ok := v.Interface().(time.Time); ok {
			v.Set(reflect.ValueOf(at.Add(time.Second)))
			return
		}
		panic(fmt.Sprint("this test cannot change a ", v.Type()))
	}
}
