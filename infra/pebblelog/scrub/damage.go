package scrub

import (
	"fmt"
	"strings"
)

// DamageError is the error for one place of the database that does not hold what was written.
type DamageError struct {
	Table  string // the file's name; empty if the damage is in no table
	Level  int
	Offset int64  // of the block in the file, -1 if it is not known
	Holds  string // what the table holds, for the operator
	Reason error
}

// Error names the place and the cause in one line.
func (d *DamageError) Error() string {
	if d.Table == "" {
		return OneLine(d.Reason.Error())
	}
	at := ""
	if d.Offset >= 0 {
		at = fmt.Sprintf(" at byte %d", d.Offset)
	}
	return fmt.Sprintf("table %s on level %d, which holds %s, is broken%s: %s", d.Table, d.Level, d.Holds, at, OneLine(d.Reason.Error()))
}

// Unwrap returns the cause.
func (d *DamageError) Unwrap() error { return d.Reason }

// MaxLineBytes bounds the cause of an error that the operator reads: the
// database writes causes over many lines, with stacks.
const MaxLineBytes = 500

// OneLine returns the first line of a text, shortened to [MaxLineBytes].
func OneLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if len(line) > MaxLineBytes {
		line, more = strings.ToValidUTF8(line[:MaxLineBytes], ""), true
	}
	if more {
		line = strings.TrimRight(line, " :") + " …"
	}
	return line
}
