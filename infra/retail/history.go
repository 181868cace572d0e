package retail

import (
	"io"
	"strings"
	"time"

	"orderflow/domain"
	"orderflow/domain/order"
)

// Currency is what every price of the file is in.
const Currency = "GBP"

// Refusal says why a row of the file counts for nothing.
type Refusal string

// The refusals. The first that applies counts, in this order.
const (
	NotASale       Refusal = "not_a_sale"      // an invoice of another letter than C: a correction of the books
	BadQuantity    Refusal = "quantity"        // not above 0; of a return: not below
	ZeroPrice      Refusal = "zero_price"      // given away
	NegativePrice  Refusal = "negative_price"  // a correction of the books
	PricePrecision Refusal = "price_precision" // a fraction of a penny; sales only, for a return pays the price of the sale
)

// History is the sales and returns of a file.
type History struct {
	Rows     int
	Refused  map[Refusal]int
	Empty    int       // sales without a row that counts
	Invoices []Invoice // with a row that counts, by the place of their first row
	Articles []Article // sold by those, by the place of their first row that counts
}

// Invoice is a sale or a return.
type Invoice struct {
	No       string
	Return   bool
	Customer domain.CustomerID // never "" for a sale: guest-{No}
	At       time.Time
	Lines    []order.Line // of a return only SKU and Quantity count, as positive units
}

// Key returns the Idempotency-Key under which a sale is placed.
func (i Invoice) Key() string { return "invoice-" + i.No }

// Order returns the id of a sale's order.
func (i Invoice) Order() domain.OrderID { return domain.NewOrderID(i.Customer, i.Key()) }

// Article is one SKU as the file knows it.
type Article struct {
	SKU        domain.SKU
	Name       string // the first description, or the SKU
	PriceMinor int64  // the first price
	Sold       int64  // units over all sales
}

// Read reads a file, plain or compressed by gzip. It is Invalid when the file
// is not of the form, or when an order of it would be beyond what orders may be
// (domain.MaxLines, domain.MaxQuantity, domain.MaxPriceMinor and
// domain.MaxTotalMinor): then nothing of the file is good. Such a row is not
// among the refusals, which are rows that a shop's books may well hold: it says
// that the file is broken, and the operator must check it. The error names the
// line and the limit, and comes before anything is placed, so that nothing is
// lost. Within these limits the money of a whole file, MaxRows times
// domain.MaxTotalMinor, fits.
func Read(r io.Reader) (History, error) {
	g := grouping{History: History{Refused: map[Refusal]int{}}, invoices: map[string]*Invoice{}, totals: map[*Invoice]domain.Money{}, articles: map[domain.SKU]int{}}
	if err := readRows(r, g.add); err != nil {
		return History{}, err
	}
	return g.finish()
}

// grouping gathers rows into invoices; the rows of one need not stand together.
type grouping struct {
	History
	invoices map[string]*Invoice
	totals   map[*Invoice]domain.Money // of sales, so far
	order    []*Invoice                // by first row
	articles map[domain.SKU]int
}

func (g *grouping) add(r row) error {
	g.Rows++
	invoice, ok := g.invoices[r.invoice]
	if !ok {
		invoice = &Invoice{No: r.invoice, Return: strings.HasPrefix(r.invoice, "C")}
		g.invoices[r.invoice] = invoice
		g.order = append(g.order, invoice)
	}
	minor, refusal, err := judge(r, invoice)
	if err != nil {
		return badFile(err, "Line %d of the file cannot be taken", r.line)
	}
	if refusal != "" {
		g.Refused[refusal]++
		return nil
	}
	if len(invoice.Lines) == domain.MaxLines {
		return domain.Errorf(domain.Invalid, "Invoice %s has more than %d lines, at line %d of the file; an order cannot.", r.invoice, domain.MaxLines, r.line)
	}
	if len(invoice.Lines) == 0 {
		invoice.At, invoice.Customer = r.at, domain.CustomerID(r.customer)
	}
	line := order.Line{SKU: r.sku, Name: r.description, Quantity: r.quantity, PriceMinor: minor}
	if invoice.Return {
		line = order.Line{SKU: r.sku, Quantity: -r.quantity}
	} else {
		if err := g.charge(invoice, line); err != nil {
			return badFile(err, "Line %d of the file cannot be taken into invoice %s, and nothing was imported", r.line, r.invoice)
		}
		g.sell(line)
	}
	invoice.Lines = append(invoice.Lines, line)
	return nil
}

// charge adds a line to what its invoice comes to, within what an order may.
func (g *grouping) charge(invoice *Invoice, l order.Line) error {
	price := domain.Money{Minor: l.PriceMinor, Currency: Currency}
	if err := domain.CheckPrice("UnitPrice", price); err != nil {
		return err
	}
	line, err := price.Mul(l.Quantity)
	if err != nil {
		return err
	}
	total, err := line.Add(g.totals[invoice])
	if err != nil {
		return err
	}
	g.totals[invoice] = total
	return domain.CheckTotal("The invoice's total", total)
}

func (g *grouping) sell(l order.Line) {
	i, ok := g.articles[l.SKU]
	if !ok {
		i = len(g.Articles)
		g.articles[l.SKU] = i
		g.Articles = append(g.Articles, Article{SKU: l.SKU, PriceMinor: l.PriceMinor})
	}
	a := &g.Articles[i]
	a.Sold += l.Quantity // cannot overflow: MaxRows × maxUnits fits
	if a.Name == "" {
		a.Name = l.Name
	}
}

// judge returns the price of a row that counts, or why it does not.
func judge(r row, invoice *Invoice) (minor int64, why Refusal, err error) {
	switch {
	case !invoice.Return && !isDigit(r.invoice[0]):
		return 0, NotASale, nil
	case !invoice.Return && r.quantity <= 0, invoice.Return && r.quantity >= 0:
		return 0, BadQuantity, nil
	case strings.Trim(r.price, "-0.") == "":
		return 0, ZeroPrice, nil
	case r.price[0] == '-':
		return 0, NegativePrice, nil
	case invoice.Return:
		return 0, "", nil
	case tooPrecise(r.price):
		return 0, PricePrecision, nil
	}
	minor, err = domain.ParseMinor(r.price)
	return minor, "", err
}

func tooPrecise(price string) bool {
	_, frac, _ := strings.Cut(price, ".")
	return len(strings.TrimRight(frac, "0")) > 2
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func guest(invoice string) domain.CustomerID { return domain.CustomerID("guest-" + invoice) }

func (g *grouping) finish() (History, error) {
	for _, i := range g.order {
		sale := !i.Return && isDigit(i.No[0])
		switch {
		case len(i.Lines) == 0 && sale:
			g.Empty++
		case len(i.Lines) > 0:
			if sale {
				if i.Customer == "" {
					i.Customer = guest(i.No)
				}
				if _, err := order.Total(i.Lines, Currency); err != nil {
					return History{}, badFile(err, "Invoice %s cannot be an order", i.No)
				}
			}
			g.Invoices = append(g.Invoices, *i)
		}
	}
	for i := range g.Articles {
		if g.Articles[i].Name == "" {
			g.Articles[i].Name = string(g.Articles[i].SKU)
		}
	}
	return g.History, nil
}
