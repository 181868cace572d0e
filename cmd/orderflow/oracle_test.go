package main_test

import (
	"bufio"
	"compress/gzip"
	"io"
	"math/big"
	"os"
	"strings"
	"testing"
	"time"
)

// figures is what an import of a file must come to. It is computed here from
// the file and the rules alone, one invoice after the other, sharing nothing
// with the importer: its own reading of CSV, fractions for money, lists where
// the importer has maps.
type figures struct {
	rows, placed, confirmed, outOfStock, empty int
	refused                                    map[string]int
	captured, refunded                         *big.Rat // pounds
	returned, unmatched                        int64
	received, sold                             int64 // units that came in first, and that confirmed orders took
	units                                      map[string]int64
	days                                       map[string]*big.Rat // captured by the day of the order
}

type oracleSale struct {
	customer string
	skus     []string
	left     []int64
	prices   []*big.Rat
}

// compute is the oracle; stock is how many units of each article there are
// first, 0 for as many as the file sells.
func compute(t *testing.T, path string, stock int64) figures {
	t.Helper()
	f := figures{
		refused: map[string]int{}, captured: new(big.Rat), refunded: new(big.Rat), units: map[string]int64{}, days: map[string]*big.Rat{},
	}
	invoices := f.invoices(t, path)
	for _, rows := range invoices {
		if rows[0][0][0] == 'C' {
			continue
		}
		for _, r := range rows {
			switch n := number(t, r[3]); {
			case stock == 0:
				f.units[r[1]] += n
				f.received += n
			case f.units[r[1]] == 0:
				f.units[r[1]] = stock
				f.received += stock
			}
		}
	}
	var sales []oracleSale
	for _, rows := range invoices {
		if rows[0][0][0] == 'C' {
			f.takeBack(t, rows, sales)
			continue
		}
		if s, ok := f.sell(t, rows); ok {
			sales = append(sales, s)
		}
	}
	return f
}

// invoices returns the rows that count, by invoice, and counts the others.
func (f *figures) invoices(t *testing.T, path string) (invoices [][][]string) {
	t.Helper()
	var order []string
	good := map[string][][]string{}
	for _, r := range rowsOf(t, path) {
		f.rows++
		if _, seen := good[r[0]]; !seen {
			order = append(order, r[0])
			good[r[0]] = nil
		}
		if why := verdict(t, r); why != "" {
			f.refused[why]++
			continue
		}
		good[r[0]] = append(good[r[0]], r)
	}
	for _, no := range order {
		switch {
		case len(good[no]) > 0:
			invoices = append(invoices, good[no])
		case no[0] >= '0' && no[0] <= '9':
			f.empty++
		}
	}
	return invoices
}

func verdict(t *testing.T, r []string) string {
	t.Helper()
	quantity, price := number(t, r[3]), pounds(t, r[5])
	comesBack := r[0][0] == 'C'
	if comesBack {
		quantity = -quantity
	} else if r[0][0] < '0' || r[0][0] > '9' {
		return "not_a_sale"
	}
	if quantity <= 0 {
		return "quantity"
	}
	if price.Sign() == 0 {
		return "zero_price"
	}
	if price.Sign() < 0 {
		return "negative_price"
	}
	if !comesBack && !new(big.Rat).Mul(price, big.NewRat(100, 1)).IsInt() {
		return "price_precision"
	}
	return ""
}

// sell takes the goods of one invoice, if all are there.
func (f *figures) sell(t *testing.T, rows [][]string) (oracleSale, bool) {
	t.Helper()
	f.placed++
	s, total, need := oracleSale{customer: rows[0][6]}, new(big.Rat), map[string]int64{}
	for _, r := range rows {
		n, price := number(t, r[3]), pounds(t, r[5])
		s.skus, s.left, s.prices = append(s.skus, r[1]), append(s.left, n), append(s.prices, price)
		total.Add(total, new(big.Rat).Mul(price, new(big.Rat).SetInt64(n)))
		need[r[1]] += n
	}
	for sku, n := range need {
		if f.units[sku] < n {
			f.outOfStock++
			return s, false
		}
	}
	for sku, n := range need {
		f.units[sku] -= n
		f.sold += n
	}
	f.confirmed++
	f.captured.Add(f.captured, total)
	day := rows[0][4][:len("2011-01-02")]
	if f.days[day] == nil {
		f.days[day] = new(big.Rat)
	}
	f.days[day].Add(f.days[day], total)
	return s, true
}

func (f *figures) takeBack(t *testing.T, rows [][]string, sales []oracleSale) {
	t.Helper()
	for _, r := range rows {
		q := -number(t, r[3])
		for i := len(sales) - 1; i >= 0 && q > 0 && rows[0][6] != ""; i-- {
			for l := 0; l < len(sales[i].skus) && sales[i].customer == rows[0][6]; l++ {
				n := min(q, sales[i].left[l])
				if sales[i].skus[l] != r[1] || n == 0 {
					continue
				}
				q -= n
				sales[i].left[l] -= n
				f.units[r[1]] += n
				f.returned += n
				f.refunded.Add(f.refunded, new(big.Rat).Mul(sales[i].prices[l], new(big.Rat).SetInt64(n)))
			}
		}
		f.unmatched += q
	}
}

// pence is an amount in minor units, as programs print it.
func pence(t *testing.T, amount *big.Rat) int64 {
	t.Helper()
	minor := new(big.Rat).Mul(amount, big.NewRat(100, 1))
	if !minor.IsInt() || !minor.Num().IsInt64() {
		t.Fatalf("%s is not a sum of pennies", amount)
	}
	return minor.Num().Int64()
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		t.Fatalf("%q is not a number", s)
	}
	return n.Int64()
}

func pounds(t *testing.T, s string) *big.Rat {
	t.Helper()
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		t.Fatalf("%q is not an amount", s)
	}
	return r
}

// rowsOf reads a CSV file of eight columns whose fields hold no line breaks.
func rowsOf(t *testing.T, path string) (rows [][]string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // only read
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		if r, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		row := fields(strings.TrimSuffix(lines.Text(), "\r"))
		if len(row) != 8 {
			t.Fatalf("row %d has %d fields", len(rows)+1, len(row))
		}
		if _, err := time.Parse(time.DateTime, row[4]); err != nil && len(rows) > 0 {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// fields splits at commas outside quotes; two quotes within quotes are one.
func fields(line string) (row []string) {
	field, quoted := []byte{}, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '"' && quoted && i+1 < len(line) && line[i+1] == '"':
			field = append(field, '"')
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			row, field = append(row, string(field)), field[:0]
		default:
			field = append(field, c)
		}
	}
	return append(row, string(field))
}
