// Package sqlite keeps views in SQLite files, one for each view group and
// version:
//
//	orders.live       names the serving version, replaced atomically: "3"
//	orders-3.db       the serving version, in WAL mode: one writer, several readers, and
//	                  one that moves what the WAL gathered
//	orders-4.db       a version being built; removed at the next start unless promoted
//	checkpoints.db    how far the sagas have read
//	states.db         snapshots of long streams, for a log that keeps none
//
// Views are a function of the log, and the files are treated so. They run
// with synchronous=NORMAL: after a power loss the newest transactions may be
// gone, rows and position together, and are folded again. A file that is
// damaged, or was filled by another schema or fold, is not migrated: it is
// removed with a line in the log and filled again from position 0.
package sqlite

import (
	"embed"
	"path"
	"strings"
)

//go:embed schema/*.sql queries/*.sql
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
