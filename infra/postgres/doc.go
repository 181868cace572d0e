// Package postgres keeps views, checkpoints, snapshots and leases of a fleet in
// PostgreSQL 14 or later. Every service has a database of its own, named after
// the one of the URL:
//
//	BASE_order      orders, payments, fulfilments, sales; checkpoints of the order saga; leases
//	BASE_inventory  stock, products; snapshots of long streams
//	BASE_payment    checkpoints of charging
//	BASE_shipping   checkpoints of dispatching
//
// A group's views live in versions:
//
//	versions            one row for each: group, tag of schema and fold, state, position
//	orders_17           a schema: the tables of version 17, serving or being built
//	orders_live_5f0c…   a schema of SQL views on the tables of the serving version
//
//	question ──▶ orders_live_….orders ──▶ orders_17.orders
//	batch ─────▶ advance(17, above, to) + orders_17.… + NOTIFY, one transaction
//	promote ───▶ 17 becomes old, 18 live, views replaced, one transaction
//
// A question is one statement on one SQL view, so one version answers it. To
// replace a view Postgres waits for the statements that use it, and they for
// the new one; so once a version was promoted no question is answered by the one
// before, in no process. A writer of the old version is refused by advance.
// Snapshots lock the tables they read; tables of old versions are dropped by
// the first process that finds them unlocked. A builder holds an advisory lock named after its
// version for as long as its connection lives; versions of dead builders are
// dropped too. Programs of different schema or fold keep versions side by side.
//
// Sessions are used as such (advisory locks, LISTEN), so a pooler in transaction
// mode must not stand between.
package postgres

import (
	"embed"
	"path"
	"strings"
)

//go:embed queries/*.sql migrations/*/*.sql
var files embed.FS

// statement returns an embedded query; a name that does not exist is a bug
// that the first use in any test shows.
func statement(name string) string { return embedded(path.Join("queries", name+".sql")) }

func embedded(file string) string {
	text, err := files.ReadFile(file)
	if err != nil {
		panic(err)
	}
	return strings.TrimSpace(string(text))
}
