package readmodelstest

import (
	"context"
	"fmt"

	"orderflow/domain"
	"orderflow/readmodels"
)

// EveryQuestion asks every question with every combination of its filters. After each
// answer it calls asked with the question and the beginning of the name of the index
// that serves it best; empty for that of the key.
func EveryQuestion(ctx context.Context, r readmodels.Readers, asked func(question, index string, err error)) {
	for filters := range 1 << 5 {
		var q readmodels.OrderQuery
		index, has := "orders_placed", func(bit int) bool { return filters&(1<<bit) != 0 }
		if has(0) {
			q.Status, index = readmodels.OrderCancelling, "orders_status"
		}
		if has(1) {
			q.Customer, index = "c7", "orders_customer"
		}
		if has(0) && has(1) {
			index = "orders_"
		}
		if has(2) {
			q.From = at(0)
		}
		if has(3) {
			q.Until = at(9)
		}
		if has(4) {
			q.After = readmodels.NewOrderPage([]readmodels.Order{{ID: "ord_1", PlacedAt: at(5)}, {}}, 1).Next
		}
		_, err := r.Orders(ctx, q)
		asked(fmt.Sprintf("%+v", q), index, err)
	}
	_, err := r.Order(ctx, "ord_1")
	asked("an order", "", err)
	_, err = r.Payment(ctx, "ord_1")
	asked("a payment", "", err)
	_, err = r.Fulfilment(ctx, "ord_1")
	asked("the work on an order", "", err)
	_, err = r.Stalled(ctx, at(1), 10)
	asked("stalled orders", "fulfilments_standing", err)
	_, err = r.NeedingAttention(ctx, 10)
	asked("orders that need attention", "fulfilments_attention", err)
	_, _, err = r.Unfinished(ctx)
	asked("unfinished orders", "fulfilments_", err)
	_, err = r.Sales(ctx, at(0), at(0).AddDate(0, 0, 1))
	asked("sales", "", err)
	_, err = r.Stock(ctx, "main", "a")
	asked("stock of an article", "", err)
	_, err = r.Stocks(ctx, readmodels.StockQuery{Warehouse: "main", After: "a"})
	asked("stock", "", err)
	_, err = r.Product(ctx, "a")
	asked("a product", "", err)
	for _, listed := range []bool{false, true} {
		index := ""
		if listed {
			index = "products_"
		}
		_, err = r.Products(ctx, readmodels.ProductQuery{After: domain.SKU("a"), Listed: listed})
		asked(fmt.Sprint("products, listed ", listed), index, err)
	}
}
