package strictjson_test

import (
	"errors"
	"fmt"

	"orderflow/internal/strictjson"
)

// encoding/json reads the last of two members with one name and other readers read
// the first. Check refuses such a text, and one that is deeper than the limit.
func Example() {
	limits := strictjson.Limits{Depth: 2, Members: 10, Folded: true}
	for _, text := range []string{
		`{"order":"ord_1","quantity":1}`,
		`{"quantity":1,"Quantity":100}`,
		`{"lines":[{"sku":"tea"}]}`,
		`{"order":"\ud83d"}`,
	} {
		err := strictjson.Check([]byte(text), limits)
		if fault, ok := errors.AsType[*strictjson.Error](err); ok {
			fmt.Printf("%s %q\n", fault.Fault, fault.Name)
			continue
		}
		fmt.Println("accepted")
	}
	// Output:
	// accepted
	// a member comes twice in one object "Quantity"
	// it nests too deep ""
	// a string has one half of a surrogate pair ""
}
