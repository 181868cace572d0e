package terminal_test

import (
	"fmt"
	"os"

	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

// A command prints a table, complains about an error, and ends with its exit code.
func Example() {
	table := terminal.NewTable(os.Stdout, "SKU", "PRICE")
	table.Row("TEA-1", terminal.Amount(450, "GBP"))
	if err := table.Flush(); err != nil {
		fmt.Println(err)
	}
	err := domain.Errorf(domain.NotFound, "There is no such order.")
	terminal.Complain(os.Stdout, err)
	fmt.Println(terminal.ExitCode(err), terminal.ExitCode(nil))
	// Output:
	// SKU    PRICE
	// TEA-1  4.50 GBP
	// orderflow: There is no such order.
	// 3 0
}
