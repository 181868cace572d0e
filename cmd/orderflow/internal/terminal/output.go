package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mattn/go-isatty"

	"orderflow/domain"
)

// IsTerminal says whether a person watches w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// PrintJSON writes v for programs: one indented document and a newline.
func PrintJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// Table writes rows in aligned columns, under a heading if there is one.
type Table struct {
	w *tabwriter.Writer
}

// NewTable returns a table that writes to w, with a heading in capitals if one is given.
func NewTable(w io.Writer, heading ...string) *Table {
	t := &Table{w: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	if len(heading) == 0 {
		return t
	}
	cells := make([]any, len(heading))
	for i, h := range heading {
		cells[i] = strings.ToUpper(h)
	}
	t.Row(cells...)
	return t
}

// Row adds a row.
func (t *Table) Row(cells ...any) {
	for i, c := range cells {
		if i > 0 {
			fmt.Fprint(t.w, "\t")
		}
		fmt.Fprint(t.w, c)
	}
	fmt.Fprintln(t.w)
}

// Flush writes the rows.
func (t *Table) Flush() error { return t.w.Flush() }

// Amount writes minor units with two decimals and the currency.
func Amount(minor int64, currency string) string {
	return domain.Money{Minor: minor, Currency: currency}.String()
}

// Grouped writes n with commas, as in 1,234,567.
func Grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// YesNo returns yes or no.
func YesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// PerSecond returns the rate of n in a time, also if the time is 0.
func PerSecond(n int64, took time.Duration) float64 { return float64(n) / max(took.Seconds(), 1e-9) }
