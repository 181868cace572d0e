package inventory_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/inventory"
)

// Standings are written as the map that they stand for, byte for byte, and that
// map is read from any writer, with spaces and escapes.
func TestStandingsAreAMapInJSON(t *testing.T) {
	ids := rapid.OneOf(
		rapid.Map(rapid.Int(), func(i int) domain.OrderID { return domain.NewOrderID("c", string(rune(i))) }),
		rapid.Map(rapid.StringMatching("[a-z0-9_]{30}"), func(s string) domain.OrderID { return domain.OrderID(s) }),
		rapid.Map(rapid.StringMatching(`[ -~]{28,32}`), func(s string) domain.OrderID { return domain.OrderID(s) }),
		rapid.Map(rapid.String(), func(s string) domain.OrderID { return domain.OrderID(s) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.MapOf(ids, rapid.Map(rapid.IntRange(0, 12), func(i int) inventory.ReservationStatus { return inventory.ReservationStatus(i) })).Draw(t, "all")
		want, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		indented, err := json.MarshalIndent(all, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		for _, data := range [][]byte{want, indented} {
			var s inventory.ReservationStatuses
			if err := json.Unmarshal(data, &s); err != nil {
				t.Fatal(err)
			}
			for id, standing := range all {
				if got, _ := (inventory.State{Orders: s}).Reservation(id); got != standing {
					t.Fatalf("%q stands at %d, not %d", id, got, standing)
				}
			}
			if got, err := json.Marshal(s); err != nil || string(got) != string(want) {
				t.Fatalf("it is written as\n%s, %v\nnot\n%s", got, err, want)
			}
		}
	})
}

// What is almost as MarshalJSON writes it is read as JSON is, or is an error as there.
func FuzzStandings(f *testing.F) {
	id := string(domain.NewOrderID("c", "k"))
	for _, data := range []string{
		"null", "{}", `{"` + id + `":4}`, `{"` + id + `":4,"` + id + `":2}`, `{"` + id + `":4,}`, `{"` + id + `":44`, `{"o1":1}`, `{"` + id + `";4}`,
		`{"` + id[:28] + `\n":4}`, `{"` + id[:28] + "ü" + `":4}`,
	} {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var s inventory.ReservationStatuses
		var want map[domain.OrderID]inventory.ReservationStatus
		err, wantErr := json.Unmarshal(data, &s), json.Unmarshal(data, &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: %v, as a map %v", data, err, wantErr)
		}
		if err != nil {
			return
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var got map[domain.OrderID]inventory.ReservationStatus
		if err := json.Unmarshal(written, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q was read as %v, not %v", data, got, want)
		}
	})
}
