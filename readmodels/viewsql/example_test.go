package viewsql_test

import (
	"fmt"

	"orderflow/readmodels"
	"orderflow/readmodels/viewsql"
)

// The descriptor of the view of stock and a query become a statement of PostgreSQL.
// Values are arguments and never part of the text.
func ExampleDialect_Select() {
	postgres := viewsql.Dialect{Param: "$", True: "%s", False: "NOT %s", Sum: "sum(%s)::bigint"}
	stock := readmodels.StockView.Layout()
	text, args := postgres.Select("stock_v1", stock, readmodels.Query{
		Where: []readmodels.Condition{
			{Columns: []string{"warehouse"}, Is: readmodels.Equal, Values: []any{"london"}},
			{Columns: []string{"sku"}, Is: readmodels.Above, Values: []any{"tea"}},
		},
		Order: []string{"sku"},
		Limit: 50,
	})
	fmt.Println(text)
	fmt.Println(args)
	fmt.Println("key:", viewsql.Key(stock, ""))
	// Output:
	// SELECT warehouse, sku, received, adjusted, reserved, released, committed, returned, position FROM stock_v1 WHERE warehouse = $1 AND sku > $2 ORDER BY sku LIMIT $3
	// [london tea 50]
	// key: warehouse, sku
}

// Count counts the fulfilments under way, and all of them, in the words of PostgreSQL
// and then of SQLite.
func ExampleDialect_Count() {
	table := readmodels.FulfilmentView.Layout().Name
	unfinished := []readmodels.Condition{{Columns: []string{"finished"}, Is: readmodels.False}}
	for _, d := range []viewsql.Dialect{
		{Param: "$", True: "%s", False: "NOT %s"},
		{Param: "?", True: "%s = 1", False: "%s = 0"},
	} {
		text, _ := d.Count(table, [][]readmodels.Condition{unfinished, nil})
		fmt.Println(text)
	}
	// Output:
	// SELECT (SELECT count(*) FROM fulfilments WHERE NOT finished), (SELECT count(*) FROM fulfilments)
	// SELECT (SELECT count(*) FROM fulfilments WHERE finished = 0), (SELECT count(*) FROM fulfilments)
}
