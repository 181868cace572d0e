package retail

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"orderflow/domain"
)

// Limits on a file.
const (
	// MaxRowBytes bounds one row, quoted line breaks included: a quote that is
	// never closed must not swallow the memory.
	MaxRowBytes = 64 << 10
	// MaxRows bounds the rows of a file; they are held in memory, some 100 bytes each.
	MaxRows = 5_000_000
	// maxUnits bounds the quantity of any row, so that no sum over a file overflows.
	maxUnits = 1_000_000_000_000
)

// columns are the names the header must have, in any order and among others.
type columns struct {
	invoice, sku, description, quantity, date, price, customer int
}

// row is one row of the file, well-formed but not yet judged.
type row struct {
	line        int // in the file; the header is line 1
	invoice     string
	sku         domain.SKU
	description string
	quantity    int64
	price       string // a decimal, possibly negative
	at          time.Time
	customer    string // "" if unknown
}

// dateLayout is how the file writes times; they are taken as UTC.
const dateLayout = "2006-01-02 15:04:05"

// readRows visits every row of a CSV file, plain or compressed by gzip. A file that is not
// what it should be is Invalid, with the number of the line.
func readRows(r io.Reader, visit func(row) error) error {
	plain, err := decompressed(r)
	if err != nil {
		return err
	}
	limited := &rowLimit{r: plain, end: MaxRowBytes}
	table := csv.NewReader(limited)
	table.ReuseRecord = true
	header, err := table.Read()
	if err != nil {
		return badFile(err, "The file has no header")
	}
	cols, err := findColumns(header)
	if err != nil {
		return err
	}
	var names interned
	for count := 0; ; count++ {
		limited.end = table.InputOffset() + MaxRowBytes
		record, err := table.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return badFile(err, "The file cannot be read as CSV")
		case count >= MaxRows:
			return domain.Errorf(domain.Invalid, "The file has more than %d rows.", MaxRows)
		}
		line, _ := table.FieldPos(0)
		parsed, err := cols.parse(record, &names)
		if err != nil {
			return badFile(err, "Line %d of the file is not an invoice's row", line)
		}
		parsed.line = line
		if err := visit(parsed); err != nil {
			return err
		}
	}
}

func badFile(err error, format string, args ...any) error {
	return domain.Wrap(domain.Invalid, err, format, args...)
}

// decompressed tells gzip by its first two bytes, whatever the file is called.
func decompressed(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, MaxRowBytes)
	magic, err := buffered.Peek(3)
	switch {
	case err == nil && magic[0] == 0x1f && magic[1] == 0x8b:
		plain, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, badFile(err, "The file is not whole gzip")
		}
		return plain, nil
	case string(magic) == "\ufeff": // some spreadsheets begin their files with a byte order mark
		_, err = buffered.Discard(len(magic))
		return buffered, err
	}
	return buffered, nil
}

func findColumns(header []string) (columns, error) {
	var missing []string
	find := func(name string) int {
		i := slices.Index(header, name)
		if i < 0 {
			missing = append(missing, name)
		}
		return i
	}
	c := columns{
		invoice: find("InvoiceNo"), sku: find("StockCode"), description: find("Description"), quantity: find("Quantity"),
		date: find("InvoiceDate"), price: find("UnitPrice"), customer: find("CustomerID"),
	}
	find("Country")
	if missing != nil {
		return c, domain.Errorf(domain.Invalid, "The file's first line does not name the column %s; "+
			"InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice, CustomerID and Country are needed.", strings.Join(missing, ", "))
	}
	return c, nil
}

// interned keeps one copy of the few texts that repeat in hundreds of thousands of rows.
type interned struct {
	texts map[string]string
	date  string // of the row before; whole invoices share it
	at    time.Time
}

func (n *interned) text(s string) string {
	if kept, ok := n.texts[s]; ok {
		return kept
	}
	if n.texts == nil {
		n.texts = map[string]string{}
	}
	s = strings.Clone(s) // s is part of the row's memory, which would all be kept
	n.texts[s] = s
	return s
}

func (n *interned) time(s string) (time.Time, error) {
	if s != n.date {
		at, err := time.Parse(dateLayout, s)
		if err != nil {
			return time.Time{}, fmt.Errorf("InvoiceDate %q is not like %s", s, dateLayout)
		}
		n.date, n.at = strings.Clone(s), at
	}
	return n.at, nil
}

func (c columns) parse(record []string, names *interned) (row, error) {
	quantity, err := strconv.ParseInt(record[c.quantity], 10, 64)
	if err != nil || quantity < -maxUnits || quantity > maxUnits {
		return row{}, fmt.Errorf("Quantity %q is not a whole number within ±%d", record[c.quantity], int64(maxUnits)) //nolint:staticcheck // the column's name
	}
	at, err := names.time(record[c.date])
	if err != nil {
		return row{}, err
	}
	if !isDecimal(record[c.price]) {
		return row{}, fmt.Errorf("UnitPrice %q is not a decimal number", record[c.price])
	}
	r := row{
		invoice: names.text(record[c.invoice]), sku: domain.SKU(names.text(strings.TrimSpace(record[c.sku]))),
		description: names.text(cleanText(record[c.description])), quantity: quantity, price: names.text(record[c.price]), at: at,
		customer: names.text(strings.TrimSuffix(strings.TrimSpace(record[c.customer]), ".0")),
	}
	if err := domain.CheckName("StockCode", string(r.sku)); err != nil {
		return row{}, err
	}
	if err := domain.CheckName("InvoiceNo", r.invoice); err != nil {
		return row{}, err
	}
	if r.customer != "" {
		return r, domain.CheckName("CustomerID", r.customer)
	}
	return r, domain.CheckName("The guest's name", string(guest(r.invoice)))
}

// isDecimal accepts digits with at most one point among them and a minus before.
func isDecimal(s string) bool {
	whole, frac, _ := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	return whole != "" && strings.Trim(whole+frac, "0123456789") == ""
}

// cleanText makes a description fit for a name: what is no text goes, and what
// is too long is cut.
func cleanText(s string) string {
	s = strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd")))
	if len(s) > domain.MaxTextBytes {
		s = strings.ToValidUTF8(s[:domain.MaxTextBytes], "")
	}
	return s
}

// rowLimit ends the input when a row needs more than its bytes.
type rowLimit struct {
	r    io.Reader
	read int64
	end  int64 // of what the present row may need
}

func (l *rowLimit) Read(p []byte) (int, error) {
	left := l.end - l.read
	if left <= 0 {
		return 0, fmt.Errorf("a row is longer than %d bytes", MaxRowBytes)
	}
	n, err := l.r.Read(p[:min(int64(len(p)), left)])
	l.read += int64(n)
	return n, err
}
