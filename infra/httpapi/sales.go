package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// defaultSalesDays is how far back sales go when a query names no beginning.
const defaultSalesDays = 30

// salesDay is what was sold in one currency among the orders placed on one day.
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
	From string `query:"from" format:"date" doc:"The first day; 30 days ago if left out"`
	To   string `query:"to" format:"date" doc:"The day after the last; tomorrow if left out"`
}

type salesOutput struct {
	Body struct {
		Days []salesDay `json:"days" nullable:"false"`
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
	}, s.sales)
}

func (s *server) fulfilmentRoutes(api huma.API) {
	register(s, api, huma.Operation{
		OperationID: "attention", Method: http.MethodGet, Path: "/v1/fulfilments/attention", Tags: []string{"fulfilments"},
		Summary: "Orders that wait for a person, the longest waiting first",
	}, s.attention)
}

func (s *server) sales(ctx context.Context, in *salesInput) (*salesOutput, error) {
	today := readmodels.Day(s.config.Clock())
	from, err := dayOf(in.From, today.AddDate(0, 0, -defaultSalesDays))
	if err != nil {
		return nil, err
	}
	until, err := dayOf(in.To, today.AddDate(0, 0, 1))
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, projections.Orders, in.at()); err != nil {
		return nil, err
	}
	days, err := s.config.Sales.Sales(ctx, from, until)
	if err != nil {
		return nil, err
	}
	out := &salesOutput{}
	out.Body.Days = make([]salesDay, len(days))
	for i, d := range days {
		out.Body.Days[i] = salesDay{
			Day: d.Day.Format(time.DateOnly), Currency: d.Currency, Placed: d.Placed, Orders: d.Orders, Units: d.Units,
			RevenueMinor: d.RevenueMinor, RefundedMinor: d.RefundedMinor, Rejected: d.Rejected, Cancelled: d.Cancelled, Conversion: d.Conversion(),
		}
	}
	return out, nil
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
	found, err := s.config.Fulfilments.NeedingAttention(ctx, readmodels.PageRows(in.Limit))
	if err != nil {
		return nil, err
	}
	out := &attentionOutput{}
	if out.Body.Open, out.Body.Attention, err = s.config.Fulfilments.Unfinished(ctx); err != nil {
		return nil, err
	}
	out.Body.Items = make([]fulfilmentBody, len(found))
	for i, f := range found {
		out.Body.Items[i] = fulfilmentBody{
			OrderID: f.Order, Phase: f.Phase, Step: f.AttentionStep, Reason: f.AttentionReason, Since: f.UpdatedAt,
			ResumeURL: "/v1/orders/" + string(f.Order) + "/resume",
		}
	}
	return out, nil
}
