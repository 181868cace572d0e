package viewsql

import (
	"fmt"
	"strconv"

	"orderflow/readmodels"
)

// Sums adds up the rows of some views in one statement.
type Sums struct {
	// Text yields for each total the number of its sum, the value that it is for, and
	// the total, which is NULL over no rows. It is empty if there are no sums.
	Text string
	sums []readmodels.Sum
}

// Sums returns the statement for the sums of views. table returns the name of a
// view's table.
func (d Dialect) Sums(views []readmodels.Table, table func(l *readmodels.Layout) string) Sums {
	var s Sums
	for _, v := range views {
		l := v.Layout()
		for _, sum := range l.Sums {
			total := "count(*)"
			if sum.Column != "" {
				total = fmt.Sprintf(d.Sum, sum.Column)
			}
			value, group := "''", ""
			if sum.By != "" {
				value, group = sum.By, " GROUP BY "+sum.By
			}
			if s.Text != "" {
				s.Text += "\nUNION ALL "
			}
			s.Text += "SELECT " + strconv.Itoa(len(s.sums)) + ", " + value + ", " + total + " FROM " + table(l) + group
			s.sums = append(s.sums, sum)
		}
	}
	return s
}

// Add adds one row of the answer to the totals by name.
func (s Sums) Add(to map[string]int64, sum int, value string, total int64) {
	of := s.sums[sum]
	if name, ok := of.Rename[value]; ok {
		value = name
	}
	to[of.Name+value] += total
}
