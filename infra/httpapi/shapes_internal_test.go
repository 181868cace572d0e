package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/readmodels"
)

// TestEveryFieldOfAnOrderIsShown fills in every field of an order's row, and of a line,
// and looks for each in what the API answers.
func TestEveryFieldOfAnOrderIsShown(t *testing.T) {
	var row readmodels.Order
	n := 0
	names := map[string]string{}
	fillOrder(reflect.ValueOf(&row).Elem(), "order", &n, names)
	out, err := render(row)
	if err != nil {
		t.Fatal(err)
	}
	for value, field := range names {
		if !strings.Contains(string(out.body), value) {
			t.Errorf("%s, which is %s, is not in %s", field, value, out.body)
		}
	}
	if len(names) < 20 {
		t.Errorf("only %v were looked for", names)
	}
}

// fillOrder gives every field a value of its own, and notes how it is written.
func fillOrder(v reflect.Value, path string, n *int, names map[string]string) {
	*n++
	text := fmt.Sprint(7_000 + *n)
	switch _, isTime := v.Interface().(time.Time); {
	case isTime:
		v.Set(reflect.ValueOf(time.Date(7_000+*n, 1, 1, 0, 0, 0, 0, time.UTC)))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.CanInt():
		v.SetInt(int64(7_000 + *n))
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillOrder(v.Index(0), path, n, names)
		return
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			fillOrder(v.Field(i), path+"."+v.Type().Field(i).Name, n, names)
		}
		return
	default:
		panic(fmt.Sprint("this test cannot fill in a ", v.Type()))
	}
	names[text] = path
}
