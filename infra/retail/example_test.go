package retail_test

import (
	"fmt"
	"strings"

	"orderflow/infra/retail"
)

// Read turns a file of invoices into sales and returns; a refused row is counted.
func Example() {
	history, err := retail.Read(strings.NewReader(`InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536366,22633,HAND WARMER,6,2010-12-01 08:28:00,1.85,17850.0,United Kingdom
536366,22632,HAND WARMER RED,0,2010-12-01 08:28:00,1.85,17850.0,United Kingdom
C536367,22633,HAND WARMER,-1,2010-12-02 09:00:00,1.85,17850.0,United Kingdom
`))
	fmt.Println(history.Rows, "rows,", history.Refused[retail.BadQuantity], "refused,", err)
	for _, i := range history.Invoices {
		fmt.Println(i.No, i.Customer, i.Return, i.Lines[0].Quantity)
	}
	// Output:
	// 3 rows, 1 refused, <nil>
	// 536366 17850 false 6
	// C536367 17850 true 1
}
