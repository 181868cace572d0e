package httpapi

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"
)

// TestEveryFilterIsInTheLink fills in every query parameter of the lists that take
// filters: each is in the link to the next page, but for those of paging.
func TestEveryFilterIsInTheLink(t *testing.T) {
	for _, input := range []any{&listOrdersInput{}, &salesInput{}} {
		v := reflect.ValueOf(input).Elem()
		if got := filtersOf(input); len(got) != 0 {
			t.Errorf("%s: an empty query has the filters %v", v.Type(), got)
		}
		want := map[string]string{}
		for i, field := range reflect.VisibleFields(v.Type()) {
			name := field.Tag.Get("query")
			if name == "" {
				continue
			}
			text := fmt.Sprint(i + 1)
			switch f := v.FieldByIndex(field.Index); f.Interface().(type) {
			case string:
				f.SetString(text)
			case int, int64:
				f.SetInt(int64(i + 1))
			case time.Time:
				at := time.Date(2026, 3, i+1, 1, 2, 3, 4, time.FixedZone("", 3600))
				f.Set(reflect.ValueOf(at))
				text = at.UTC().Format("2006-01-02T15:04:05.999999999Z07:00")
			default:
				t.Fatalf("%s: a filter of the type %s; say in filtersOf how it is written", v.Type(), f.Type())
			}
			if !slices.Contains(paging(), name) {
				want[name] = text
			}
		}
		got := filtersOf(input)
		for name, text := range want {
			if got.Get(name) != text {
				t.Errorf("%s: the filter %s is %q, not %q", v.Type(), name, got.Get(name), text)
			}
		}
		if len(got) != len(want) || len(want) < 2 {
			t.Errorf("%s: the filters are %v, not %v", v.Type(), got, want)
		}
	}
}
