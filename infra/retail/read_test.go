package retail_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"orderflow/domain"
	"orderflow/domain/order"
	"orderflow/infra/retail"
)

const header = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"

// table writes rows of invoice, SKU, quantity, price and customer; the time
// counts minutes by the row, up to 59.
func table(rows ...string) string {
	var b strings.Builder
	b.WriteString(header)
	for i, r := range rows {
		f := strings.Split(r, " ")
		fmt.Fprintf(&b, "%s,%s,about %s,%s,2011-01-02 10:%02d:00,%s,%s,France\n", f[0], f[1], f[1], f[2], i%60, f[3], f[4])
	}
	return b.String()
}

func read(t *testing.T, text string) retail.History {
	t.Helper()
	h, err := retail.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestRowsAreRefusedForTheFirstReasonThatApplies(t *testing.T) {
	for row, want := range map[string]retail.Refusal{
		"A1 x 0 -0.001 ":    retail.NotASale,
		"1 x 0 -0.001 9":    retail.BadQuantity,
		"1 x -5 1.00 9":     retail.BadQuantity,
		"1 x 1 0.000 9":     retail.ZeroPrice,
		"1 x 1 -0 9":        retail.ZeroPrice,
		"1 x 1 -0.001 9":    retail.NegativePrice,
		"1 x 1 0.001 9":     retail.PricePrecision,
		"1 x 1 2.550 9":     "",
		"1 x 1 3 9":         "",
		"C1 x 5 0 9":        retail.BadQuantity,
		"C1 x -5 0.0 9":     retail.ZeroPrice,
		"C1 x -5 -0.001 9":  retail.NegativePrice,
		"C1 x -5 0.001 9":   "",
		"C1 x -5 12.00 9.0": "",
	} {
		t.Run(row, func(t *testing.T) {
			h := read(t, table(row))
			wanted := map[retail.Refusal]int{}
			if want != "" {
				wanted[want] = 1
			}
			if !reflect.DeepEqual(h.Refused, wanted) || h.Rows != 1 || (len(h.Invoices) == 1) != (want == "") {
				t.Errorf("%d rows refused for %v, %d invoices; want %q", h.Rows, h.Refused, len(h.Invoices), want)
			}
			if sale := row[0] == '1'; (h.Empty == 1) != (sale && want != "") {
				t.Errorf("%d empty invoices", h.Empty)
			}
		})
	}
}

func TestInvoicesAreGatheredByTheirFirstRow(t *testing.T) {
	h := read(t, table("2 late 0 1 7", "1 a 2 1.5 17850.0", "C3 a -1 1.5 ", "2 b 4 2 ", "1 a 3 1 17850.0", "2 BANK 1 3 8"))
	at := time.Date(2011, 1, 2, 10, 0, 0, 0, time.UTC)
	want := []retail.Invoice{
		{No: "2", Customer: "guest-2", At: at.Add(3 * time.Minute), Lines: []order.Line{
			{SKU: "b", Name: "about b", Quantity: 4, PriceMinor: 200}, {SKU: "BANK", Name: "about BANK", Quantity: 1, PriceMinor: 300},
		}},
		{No: "1", Customer: "17850", At: at.Add(time.Minute), Lines: []order.Line{
			{SKU: "a", Name: "about a", Quantity: 2, PriceMinor: 150}, {SKU: "a", Name: "about a", Quantity: 3, PriceMinor: 100},
		}},
		{No: "C3", Return: true, At: at.Add(2 * time.Minute), Lines: []order.Line{{SKU: "a", Quantity: 1}}},
	}
	if !reflect.DeepEqual(h.Invoices, want) {
		t.Errorf("got  %+v\nwant %+v", h.Invoices, want)
	}
	articles := []retail.Article{
		{SKU: "a", Name: "about a", PriceMinor: 150, Sold: 5},
		{SKU: "b", Name: "about b", PriceMinor: 200, Sold: 4},
		{SKU: "BANK", Name: "about BANK", PriceMinor: 300, Sold: 1},
	}
	if !reflect.DeepEqual(h.Articles, articles) {
		t.Errorf("articles are %+v", h.Articles)
	}
}

func TestTextsAreCleaned(t *testing.T) {
	long := strings.Repeat("é", domain.MaxTextBytes)
	h := read(t, header+"1,  BANK CHARGES ,\"one\n\"\"two\"\"\",1,2011-01-02 10:00:00,1.00,12.0,Eire\n"+
		"1,85123a,A \xa320 voucher,1,2011-01-02 10:00:00,1.00,12.0,Eire\n1,x,"+long+",1,2011-01-02 10:00:00,1.00,12.0,Eire\n")
	lines := h.Invoices[0].Lines
	if lines[0].SKU != "BANK CHARGES" || lines[0].Name != `one "two"` || lines[1].SKU != "85123a" || lines[1].Name != "A �20 voucher" {
		t.Errorf("got %+v", lines[:2])
	}
	if err := domain.CheckText("name", lines[2].Name); err != nil || len(lines[2].Name) < domain.MaxTextBytes-2 {
		t.Errorf("a long name has %d bytes: %v", len(lines[2].Name), err)
	}
}

func TestColumnsAreFoundByName(t *testing.T) {
	h := read(t, "\ufeffCountry,UnitPrice,CustomerID,Extra,Quantity,StockCode,InvoiceDate,Description,InvoiceNo\n"+
		"France,1.25,12.0,?,3,x,2011-01-02 10:00:00,thing,7\n")
	want := retail.Invoice{
		No: "7", Customer: "12", At: time.Date(2011, 1, 2, 10, 0, 0, 0, time.UTC),
		Lines: []order.Line{{SKU: "x", Name: "thing", Quantity: 3, PriceMinor: 125}},
	}
	if !reflect.DeepEqual(h.Invoices, []retail.Invoice{want}) {
		t.Errorf("got %+v", h.Invoices)
	}
}

func TestGzipIsToldByItsContent(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(table("1 x 1 1 9"))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	h, err := retail.Read(bytes.NewReader(packed.Bytes()))
	if err != nil || h.Rows != 1 {
		t.Errorf("%d rows, %v", h.Rows, err)
	}
	if _, err := retail.Read(bytes.NewReader(packed.Bytes()[:packed.Len()-9])); domain.KindOf(err) != domain.Invalid {
		t.Errorf("half a gzip file says %v", err)
	}
}

func TestABadFileIsRefusedWithItsLine(t *testing.T) {
	good := "1 x 1 1 9"
	many := make([]string, domain.MaxLines+1)
	for i := range many {
		many[i] = good
	}
	for name, c := range map[string]struct{ text, says string }{
		"empty":       {"", "no header"},
		"column":      {strings.Replace(table(good), "CustomerID", "Customer", 1), "CustomerID"},
		"fields":      {table(good) + "1,x\n", "line 3"},
		"quote":       {table(good) + "1,\"x\ny,", "line 3"},
		"quantity":    {table(good, "1 x one 1 9"), "Line 3"},
		"price":       {table(good, "1 x 1 1e3 9"), "Line 3"},
		"two points":  {table(good, "1 x 1 1.2.3 9"), "Line 3"},
		"huge price":  {table(good, "1 x 1 99999999999999999999 9"), "Line 3"},
		"price bound": {table(good, "7 x 1 1000000000.01 9"), "Line 3 of the file cannot be taken into invoice 7, and nothing was imported: UnitPrice is 1000000000.01 GBP; at most 1000000000.00 GBP is allowed."},
		"great price": {table(good, "7 x 1 92233720368547758.07 9"), "Line 3 of the file"},
		"total bound": {table("7 x 10 1000000000 9", good, "7 x 1 0.01 9"), "Line 4 of the file cannot be taken into invoice 7, and nothing was imported: The invoice's total is 10000000000.01 GBP; at most 10000000000.00 GBP is allowed."},
		"huge total":  {table("1 x 99999 1000000000 9"), "Line 2"},
		"overflow":    {table("1 x 999999999999 999999999 9"), "Line 2"},
		"date":        {strings.Replace(table(good), "2011-01-02", "2.1.2011", 1), "Line 2"},
		"SKU":         {table(good, "1  1 1 9"), "Line 3"},
		"control":     {table(good, "1 \a 1 1 9"), "Line 3"},
		"invoice":     {table(good, " x 1 1 9"), "Line 3"},
		"many units":  {table(good, "5 x 100001 1 9"), "Invoice 5"},
		"many lines":  {table(many...), "line 2002"},
		"endless row": {table(good) + "1,\"" + strings.Repeat("x", 2*retail.MaxRowBytes), "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := retail.Read(strings.NewReader(c.text))
			if domain.KindOf(err) != domain.Invalid || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("says %v, not %q", err, c.says)
			}
		})
	}
}

// Whatever the bytes, Read returns in order, and what it returns can be placed.
func FuzzRead(f *testing.F) {
	f.Add([]byte(table("1 x 1 1 9", "C2 x -1 1 9", "A3 x 1 1 ")))
	f.Add([]byte(header + "1,\"x\ny\",d,1,2011-01-02 10:00:00,1.00,12.0,Eire\n"))
	f.Add([]byte{0x1f, 0x8b, 8, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := retail.Read(bytes.NewReader(data))
		if err != nil {
			if domain.KindOf(err) != domain.Invalid {
				t.Errorf("kind %v: %v", domain.KindOf(err), err)
			}
			return
		}
		lines := 0
		for _, i := range h.Invoices {
			lines += len(i.Lines)
			if i.Return {
				continue
			}
			if _, err := order.Total(i.Lines, retail.Currency); err != nil {
				t.Errorf("invoice %q: %v", i.No, err)
			}
		}
		for _, n := range h.Refused {
			lines += n
		}
		if lines != h.Rows {
			t.Errorf("%d rows, but %d lines and refusals", h.Rows, lines)
		}
	})
}
