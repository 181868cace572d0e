package httpapi

import (
	"context"
	"net/http"
	"net/url"

	"github.com/danielgtaylor/huma/v2"

	"orderflow/commands"
	"orderflow/domain"
	"orderflow/projections"
	"orderflow/readmodels"
)

// productBody is one article of the catalogue.
type productBody struct {
	SKU      domain.SKU `json:"sku"`
	Name     string     `json:"name"`
	Price    money      `json:"price" doc:"Of one unit"`
	Listed   bool       `json:"listed" doc:"Whether it is on sale"`
	Version  int64      `json:"version"`
	Position int64      `json:"position"`
}

func productBodyOf(p readmodels.Product) productBody {
	return productBody{SKU: p.SKU, Name: p.Name, Price: moneyOf(p.Price), Listed: p.Listed, Version: p.Version, Position: p.Position}
}

type listProductsInput struct {
	Freshness
	Listed bool   `query:"listed" doc:"Only what is on sale"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100"`
	Cursor string `query:"cursor" maxLength:"1024"`
}

type getProductInput struct {
	Freshness
	SKU         string `path:"sku" maxLength:"128" doc:"Percent-encoded; a slash is %2F"`
	IfNoneMatch string `header:"If-None-Match"`
}

type productOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   *productBody
}

type listProductInput struct {
	Body struct {
		SKU   domain.SKU `json:"sku" minLength:"1" maxLength:"128"`
		Name  string     `json:"name" maxLength:"512"`
		Price money      `json:"price" doc:"Of one unit"`
	}
}

type repriceInput struct {
	SKU  string `path:"sku" maxLength:"128"`
	Body struct {
		Price money `json:"price" doc:"Of one unit"`
	}
}

type delistInput struct {
	SKU string `path:"sku" maxLength:"128"`
}

// byContent is what repeats of product commands do. A key would have to be kept
// for each change of a price, for ever, to tell a late repeat from a new wish.
const byContent = " Idempotent by content, and no Idempotency-Key is looked at: " +
	"asking for what is so already changes nothing; a request that is repeated after another one took its place is a new one."

func (s *server) productRoutes(api huma.API) {
	tags := []string{"products"}
	register(s, api, huma.Operation{
		OperationID: "list-products", Method: http.MethodGet, Path: "/v1/products", Summary: "The catalogue, by SKU", Tags: tags,
	}, s.listProducts)
	register(s, api, huma.Operation{
		OperationID: "get-product", Method: http.MethodGet, Path: "/v1/products/{sku}", Summary: "One article", Tags: tags,
	}, s.getProduct)
	register(s, api, huma.Operation{
		OperationID: "put-on-sale", Method: http.MethodPost, Path: "/v1/products", Summary: "Put an article on sale", Tags: tags,
		DefaultStatus: http.StatusCreated, MaxBodyBytes: MaxBodyBytes,
		Description: "Doing it again is no news; another name or price for a listed article is refused: reprice it." + byContent,
	}, func(ctx context.Context, in *listProductInput) (*receiptOutput, error) {
		return s.send(ctx, commands.ListProduct{SKU: in.Body.SKU, Name: in.Body.Name, Price: domain.Money(in.Body.Price)})
	})
	register(s, api, huma.Operation{
		OperationID: "reprice-product", Method: http.MethodPost, Path: "/v1/products/{sku}/price", Summary: "Change a price from now on", Tags: tags,
		MaxBodyBytes: MaxBodyBytes, Description: "Orders placed before keep theirs." + byContent,
	}, func(ctx context.Context, in *repriceInput) (*receiptOutput, error) {
		return s.send(ctx, commands.RepriceProduct{SKU: domain.SKU(in.SKU), Price: domain.Money(in.Body.Price)})
	})
	register(s, api, huma.Operation{
		OperationID: "delist-product", Method: http.MethodDelete, Path: "/v1/products/{sku}", Summary: "Take an article off sale", Tags: tags,
		DefaultStatus: http.StatusOK, Description: "Orders placed before stay as they are." + byContent,
	}, func(ctx context.Context, in *delistInput) (*receiptOutput, error) {
		return s.send(ctx, commands.DelistProduct{SKU: domain.SKU(in.SKU)})
	})
}

func (s *server) listProducts(ctx context.Context, in *listProductsInput) (*pageOutput[productBody], error) {
	const path = "/v1/products"
	filters := url.Values{}
	if in.Listed {
		filters.Set("listed", "true")
	}
	after, err := s.cursors.open(scopeOf(path, filters), in.Cursor)
	if err != nil {
		return nil, err
	}
	if err := s.fresh(ctx, projections.Products, in.at()); err != nil {
		return nil, err
	}
	found, err := s.config.Views.Products(ctx, readmodels.ProductQuery{After: domain.SKU(after), Listed: in.Listed, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	return pageOf(s.cursors, path, filters, in.Limit, string(found.Next), found.Products, productBodyOf), nil
}

func (s *server) getProduct(ctx context.Context, in *getProductInput) (*productOutput, error) {
	if err := s.fresh(ctx, projections.Products, in.at()); err != nil {
		return nil, err
	}
	p, err := s.config.Views.Product(ctx, domain.SKU(in.SKU))
	if err != nil {
		return nil, err
	}
	out := &productOutput{Status: http.StatusOK, ETag: etag(p.Version, p.Position)}
	if in.IfNoneMatch != "" && noneMatch(in.IfNoneMatch, out.ETag) {
		out.Status = http.StatusNotModified
		return out, nil
	}
	body := productBodyOf(p)
	out.Body = &body
	return out, nil
}
