// Command orderflow is the whole order system in one binary: started alone it
// serves the API, fulfils orders and projects views on embedded stores; its
// other subcommands talk to a server or open a data directory themselves.
package main

import (
	"os"

	"orderflow/cmd/orderflow/internal/node"
)

func main() {
	node.TuneGC()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}
