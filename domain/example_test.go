package domain_test

import (
	"fmt"

	"orderflow/domain"
)

// Amounts never mix currencies, an order's id follows from its key, and errors
// have a kind.
func Example() {
	price, err := domain.GBP(1_250).Mul(3)
	fmt.Println(price, err)

	_, err = price.Add(domain.Money{Minor: 100, Currency: "EUR"})
	fmt.Println(domain.KindOf(err) == domain.Invalid, err)

	first, again := domain.NewOrderID("ada", "key-1"), domain.NewOrderID("ada", "key-1")
	fmt.Println(first == again, first == domain.NewOrderID("bob", "key-1"))
	// Output:
	// 37.50 GBP <nil>
	// true Amounts in GBP and EUR cannot be added.
	// true false
}
