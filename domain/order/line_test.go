package order_test

import (
	"pgregory.net/rapid"

	"orderflow/domain"
	"orderflow/domain/order"
)

// lines are those of the order that the tests place: one with every field, one with
// those that an order always has.
var lines = []order.Line{
	{SKU: "85123A", Name: "HOLDER", Quantity: 6, PriceMinor: 255},
	{SKU: "71053", Quantity: 2, PriceMinor: 339},
}

// anyLine draws a line; a test fails for a field that it never fills.
func anyLine(t *rapid.T) order.Line {
	return order.Line{
		SKU: domain.SKU(text().Draw(t, "sku")), Name: text().Draw(t, "name"),
		Quantity: rapid.Int64().Draw(t, "qty"), PriceMinor: rapid.Int64Range(-5, 5_000).Draw(t, "price"),
	}
}
