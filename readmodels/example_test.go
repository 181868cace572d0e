package readmodels_test

import (
	"fmt"
	"time"

	"orderflow/domain"
	"orderflow/readmodels"
)

// A store fetches one row more than a page holds; the page then has a cursor, with
// which the next page is asked for.
func Example() {
	noon := time.Date(2026, time.May, 1, 12, 0, 0, 0, time.UTC)
	query := readmodels.OrderQuery{Customer: "ada", Limit: 2}
	var rows []readmodels.Order
	for i := range readmodels.PageRows(query.Limit) + 1 {
		rows = append(rows, readmodels.Order{
			ID: domain.OrderID(fmt.Sprintf("ord_%d", i)), Customer: "ada", Status: readmodels.OrderConfirmed,
			PlacedAt: noon.Add(-time.Duration(i) * time.Hour), Total: domain.GBP(900),
		})
	}
	page := readmodels.NewOrderPage(rows, query.Limit)
	query.After = page.Next
	placedAt, id, err := readmodels.ParseOrderCursor(query.After)
	fmt.Println(len(page.Orders), placedAt.Format(time.TimeOnly), id, err)
	// Output: 2 11:00:00 ord_1 <nil>
}
