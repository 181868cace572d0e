package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/domain/inventory"
	"orderflow/projections"
	"orderflow/readmodels"
)

// stockBody is the units of one article in one warehouse.
type stockBody struct {
	Warehouse domain.Warehouse `json:"warehouse"`
	SKU       domain.SKU       `json:"sku"`
	Available int64            `json:"available" doc:"Units an order can have now"`
	Reserved  int64            `json:"reserved" doc:"Units set aside for orders"`
	Committed int64            `json:"committed" doc:"Units that ever left for good"`
	Received  int64            `json:"received" doc:"Units that ever arrived"`
	Adjusted  int64            `json:"adjusted" doc:"Units that counts added or took away"`
	Released  int64            `json:"released" doc:"Units ever set aside and then freed"`
	Returned  int64            `json:"returned" doc:"Units that ever came back"`
	Position  int64            `json:"position"`
}

func stockBodyOf(s readmodels.Stock) stockBody {
	return stockBody{
		Warehouse: s.Warehouse, SKU: s.SKU, Available: s.Available(), Reserved: s.Reserved, Committed: s.Committed,
		Received: s.Received, Adjusted: s.Adjusted, Released: s.Released, Returned: s.Returned, Position: s.Position,
	}
}

type listStockInput struct {
	Freshness
	Warehouse string `query:"warehouse" maxLength:"128" doc:"main if left out"`
	Limit     int    `query:"limit" minimum:"1" maximum:"100"`
	Cursor    string `query:"cursor" maxLength:"1024"`
}

type getStockInput struct {
	Freshness
	SKU       string `path:"sku" maxLength:"128" doc:"Percent-encoded; a slash is %2F"`
	Warehouse string `query:"warehouse" maxLength:"128" doc:"main if left out"`
}

type stockOutput struct{ Body stockBody }

type receiptInput struct {
	Keyed
	Body receiptBody
}

type receiptBody struct {
	Warehouse domain.Warehouse `json:"warehouse,omitempty" maxLength:"128" doc:"main if left out"`
	Units     []unitsBody      `json:"units" minItems:"1" maxItems:"2000" nullable:"false"`
}

type unitsBody struct {
	SKU      domain.SKU `json:"sku" minLength:"1" maxLength:"128"`
	Quantity int64      `json:"quantity" minimum:"1" maximum:"100000"`
}

type adjustInput struct {
	Keyed
	Body struct {
		Warehouse domain.Warehouse `json:"warehouse,omitempty" maxLength:"128" doc:"main if left out"`
		SKU       domain.SKU       `json:"sku" minLength:"1" maxLength:"128"`
		Delta     int64            `json:"delta" doc:"Units to add or, if negative, to take away"`
		Reason    string           `json:"reason,omitempty" maxLength:"512"`
	}
}

func (s *server) stockRoutes(api huma.API) {
	tags := []string{"stock"}
	register(s, api, huma.Operation{
		OperationID: "list-stock", Method: http.MethodGet, Path: "/v1/stock", Summary: "A warehouse's articles", Tags: tags,
	}, s.listStock)
	register(s, api, huma.Operation{
		OperationID: "get-stock", Method: http.MethodGet, Path: "/v1/stock/{sku}", Summary: "One article in one warehouse", Tags: tags,
	}, s.getStock)
	register(s, api, huma.Operation{
		OperationID: "receive-stock", Method: http.MethodPost, Path: "/v1/stock/receipts", Summary: "Goods arrived", Tags: tags,
		DefaultStatus: http.StatusCreated, MaxBodyBytes: MaxBodyBytes,
		Description: "The Idempotency-Key names the receipt within its warehouse.",
	}, s.receiveStock)
	register(s, api, huma.Operation{
		OperationID: "adjust-stock", Method: http.MethodPost, Path: "/v1/stock/adjustments", Summary: "A count corrects the stock", Tags: tags,
		DefaultStatus: http.StatusCreated, MaxBodyBytes: MaxBodyBytes,
		Description: "The Idempotency-Key names the adjustment within its warehouse.",
	}, s.adjustStock)
}

func (s *server) listStock(ctx context.Context, in *listStockInput) (*pageOutput[stockBody], error) {
	const path = "/v1/stock"
	filters := url.Values{}
	w := warehouse(in.Warehouse)
	if in.Warehouse != "" {
		filters.Set("warehouse", in.Warehouse)
	}
	after, err := s.cursors.open(scopeOf(path, filters), in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, projections.Stock, in.at()); err != nil {
		return nil, err
	}
	found, err := s.config.Stock.Stocks(ctx, readmodels.StockQuery{Warehouse: w, After: domain.SKU(after), Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return pageOf(s.cursors, path, filters, in.Limit, string(found.Next), found.Stock, stockBodyOf), nil
}

func (s *server) getStock(ctx context.Context, in *getStockInput) (*stockOutput, error) {
	if err := s.fresh(ctx, projections.Stock, in.at()); err != nil {
		return nil, err
	}
	found, err := s.config.Stock.Stock(ctx, warehouse(in.Warehouse), domain.SKU(in.SKU))
	if err != nil {
		return nil, err
	}
	return &stockOutput{Body: stockBodyOf(found)}, nil
}

func (s *server) receiveStock(ctx context.Context, in *receiptInput) (*receiptOutput, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	c := commands.ReceiveStock{Warehouse: warehouse(string(in.Body.Warehouse)), Receipt: key, Units: make([]inventory.Units, len(in.Body.Units))}
	for i, u := range in.Body.Units {
		if err := domain.CheckName(fmt.Sprintf("The SKU of units[%d]", i), string(u.SKU)); err != nil {
			return nil, err
		}
		c.Units[i] = inventory.Units{SKU: u.SKU, Quantity: u.Quantity}
	}
	return s.once(ctx, "receipt "+string(c.Warehouse), key, c)
}

func (s *server) adjustStock(ctx context.Context, in *adjustInput) (*receiptOutput, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	c := commands.AdjustStock{
		Warehouse: warehouse(string(in.Body.Warehouse)), Adjustment: key,
		SKU: in.Body.SKU, Delta: in.Body.Delta, Reason: in.Body.Reason,
	}
	return s.once(ctx, "adjustment "+string(c.Warehouse), key, c)
}

func warehouse(s string) domain.Warehouse {
	if s == "" {
		return domain.DefaultWarehouse
	}
	return domain.Warehouse(s)
}
