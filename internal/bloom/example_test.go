package bloom_test

import (
	"fmt"

	"orderflow/internal/bloom"
)

// The database is asked only about keys that the filter may contain. A key that was
// never added costs no query; a false positive costs one query too many.
func Example() {
	rows := map[string]string{} // stands for a database
	filter := bloom.New(1<<20, 4)
	queries := 0
	find := func(key string) string {
		if !filter.Has(key) {
			return "absent"
		}
		queries++
		return rows[key]
	}

	fmt.Println(find("ord_1"), queries)
	fmt.Println("there before:", filter.Add("ord_1"))
	rows["ord_1"] = "placed"
	fmt.Println(find("ord_1"), queries)
	fmt.Println("there before:", filter.Add("ord_1"))
	// Output:
	// absent 0
	// there before: false
	// placed 1
	// there before: true
}
