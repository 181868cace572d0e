package projections_test

import (
	"os"

	"pgregory.net/rapid"
)

// mkdir gives every example of a property a directory of its own.
func mkdir(t *rapid.T, parent string) string {
	dir, err := os.MkdirTemp(parent, "views")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
