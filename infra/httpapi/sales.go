package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

const (
	// defaultSalesDays is how far back sales go when a query names no beginning.
	defaultSalesDays = 30
	// maxSalesDays bounds the days of one query: a leap year.
	maxSalesDays = 366
	// maxSalesRows bounds the rows of one page; each day has one for each currency.
	maxSalesRows = 1_000
)

// salesDay is the sales of one day in one currency.
type salesDay struct {
	Day           string  `json:"day" format:"date"`
	Currency      string  `json:"currency"`
	Placed        int64   `json:"placed" doc:"Orders placed"`
	Orders        int64   `json:"orders" doc:"Of those, confirmed"`
	Units         int64   `json:"units"`
	RevenueMinor  int64   `json:"revenue_minor" doc:"Before refunds"`
	RefundedMinor int64   `json:"refunded_minor"`
	Rejected      int64   `json:"rejected"`
	Cancelled     int64   `json:"cancelled"`
	Conversion    float64 `json:"conversion" doc:"Orders over placed, 0 to 1"`
}

type salesInput struct {
	Freshness
	From   string `query:"from" format:"date" doc:"The first day; 30 days before to if left out"`
	To     string `query:"to" format:"date" doc:"The day after the last; tomorrow if left out"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Rows of one page; 1000 if left out"`
	Cursor string `query:"cursor" maxLength:"1024" doc:"From next of the page before"`
}

type salesOutput struct {
	Link string `header:"Link" doc:"rel=next leads to the next page"`
	Body struct {
		Days []salesDay `json:"days" nullable:"false"`
		Next string     `json:"next,omitempty" doc:"The cursor of the next page; left out on the last"`
	}
}

// fulfilmentBody is work that waits for a person.
type fulfilmentBody struct {
	OrderID   domain.OrderID   `json:"order_id"`
	Phase     readmodels.Phase `json:"phase"`
	Step      string           `json:"step" doc:"What cannot be done"`
	Reason    string           `json:"reason" doc:"Why not"`
	Since     time.Time        `json:"since"`
	ResumeURL string           `json:"resume_url" doc:"POST here once the cause is gone"`
}

type attentionInput struct {
	Freshness
	Limit int `query:"limit" minimum:"1" maximum:"100"`
}

type attentionOutput struct {
	Body struct {
		Items     []fulfilmentBody `json:"items" nullable:"false"`
		Open      int64            `json:"open" doc:"Orders with work left"`
		Attention int64            `json:"attention" doc:"Those of them that wait for a person"`
	}
}

func (s *server) salesRoutes(api huma.API) {
	register(s, api, huma.Operation{
		OperationID: "sales", Method: http.MethodGet, Path: "/v1/sales", Summary: "Sales by day and currency", Tags: []string{"sales"},
		Description: fmt.Sprintf("At most %d days in one query; a page has at most %d rows.", maxSalesDays, maxSalesRows),
	}, s.sales)
}

func (s *server) fulfilmentRoutes(api huma.API) {
	register(s, api, huma.Operation{
		OperationID: "attention", Method: http.MethodGet, Path: "/v1/fulfilments/attention", Tags: []string{"fulfilments"},
		Summary: "Orders that wait for a person, the longest waiting first",
	}, s.attention)
}

func (s *server) sales(ctx context.Context, in *salesInput) (*salesOutput, error) {
	const path = "/v1/sales"
	until, err := dayOf(in.To, readmodels.Day(s.config.Clock()).AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	from, err := dayOf(in.From, until.AddDate(0, 0, -1-defaultSalesDays))
	if err != nil {
		return nil, err
	}
	if n := until.Sub(from) / (24 * time.Hour); n > maxSalesDays {
		return nil, domain.Errorf(domain.Invalid, "From %s to %s are more than %d days; ask for fewer at a time.",
			from.Format(time.DateOnly), until.Format(time.DateOnly), maxSalesDays)
	}
	filters := filtersOf(in)
	after, err := s.cursors.open(scopeOf(path, filters), in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, projections.Orders, in.at()); err != nil {
		return nil, err
	}
	if after != "" {
		day, _, _ := strings.Cut(after, " ")
		if from, err = dayOf(day, from); err != nil {
			return nil, err
		}
	}
	days, err := s.config.Views.Sales(ctx, from, until)
	if domain.KindOf(err) == domain.Exhausted { // waiting would not help
		return nil, domain.Errorf(domain.Invalid, "These days have more than %d rows, one for each currency; ask for fewer days at a time.", readmodels.MaxSalesDays)
	}
	if err != nil {
		return nil, err
	}
	out, limit := &salesOutput{}, in.Limit
	if limit == 0 {
		limit = maxSalesRows
	}
	out.Body.Days = []salesDay{}
	last := ""
	for _, d := range days { // by day, then by currency
		place := d.Day.Format(time.DateOnly) + " " + d.Currency
		if place <= after {
			continue
		}
		if len(out.Body.Days) == limit {
			out.Body.Next = s.cursors.seal(scopeOf(path, filters), last)
			out.Link = nextLink(path, filters, strconv.Itoa(in.Limit), out.Body.Next)
			break
		}
		out.Body.Days, last = append(out.Body.Days, salesDayOf(d)), place
	}
	return out, nil
}

func salesDayOf(d readmodels.SalesDay) salesDay {
	return salesDay{
		Day: d.Day.Format(time.DateOnly), Currency: d.Currency, Placed: d.Placed, Orders: d.Orders, Units: d.Units,
		RevenueMinor: d.RevenueMinor, RefundedMinor: d.RefundedMinor, Rejected: d.Rejected, Cancelled: d.Cancelled, Conversion: d.Conversion(),
	}
}

func dayOf(s string, otherwise time.Time) (time.Time, error) {
	if s == "" {
		return otherwise, nil
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return d, domain.Errorf(domain.Invalid, "%q is not a day such as 2026-01-31.", clip(s))
	}
	return d, nil
}

func (s *server) attention(ctx context.Context, in *attentionInput) (*attentionOutput, error) {
	if err := s.fresh(ctx, projections.Orders, in.at()); err != nil {
		return nil, err
	}
	found, err := s.config.Views.NeedingAttention(ctx, readmodels.PageRows(in.Limit))
	if err != nil {
		return nil, err
	}
	out := &attentionOutput{}
	if out.Body.Open, out.Body.Attention, err = s.config.Views.Unfinished(ctx); err != nil {
		return nil, err
	}
	out.Body.Items = make([]fulfilmentBody, len(found))
	for i, f := range found {
		out.Body.Items[i] = fulfilmentBodyOf(f)
	}
	return out, s.addIncomplete(ctx, out, readmodels.PageRows(in.Limit))
}

func fulfilmentBodyOf(f readmodels.Fulfilment) fulfilmentBody {
	return fulfilmentBody{
		OrderID: f.Order, Phase: f.Phase, Step: f.AttentionStep, Reason: f.AttentionReason, Since: f.UpdatedAt,
		ResumeURL: "/v1/orders/" + string(f.Order) + "/resume",
	}
}
