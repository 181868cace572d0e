package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"orderflow/domain"
	"orderflow/infra/httpapi"
)

// httpClients is how many connections are kept busy.
const httpClients = 32

// ask makes the i-th request of a measurement.
type ask func(base string, i int64) (*http.Request, error)

// accept measures placing orders against an empty handler with the same body.
func (b *bench) accept(ctx context.Context) (figure, error) {
	app, err := b.node(ctx, b.folder(), anyPort)
	if err != nil {
		return figure{}, err
	}
	defer app.Close()
	place := placeAsk()
	limit, err := b.empty(ctx, place)
	if err != nil {
		return figure{}, err
	}
	// Only the API and the log: what the sagas and the views cost is in confirm.
	go func() { _ = app.public.serve() }()
	alone, err := hammer(ctx, app.URL(), place)
	if err != nil {
		return figure{}, err
	}
	return figure{
		Unit: "requests/s", Value: alone, Limit: limit, Budget: 0.4,
		Detail: fmt.Sprintf("POST /v1/orders, %d lines, %d connections, durable, sagas and views idle; limit: the same server with an empty handler", benchLines, httpClients),
	}.judge(true), nil
}

// read measures reading one order against an empty handler.
func (b *bench) read(ctx context.Context) (figure, error) {
	dir, err := b.stored(ctx, benchStored)
	if err != nil {
		return figure{}, err
	}
	app, err := b.node(ctx, dir, anyPort)
	if err != nil {
		return figure{}, err
	}
	defer app.Close()
	get := func(base string, i int64) (*http.Request, error) {
		id := benchOrder("fill", 1+int(i*7919)%(benchStored-1)).OrderID()       // all over the table
		return http.NewRequest(http.MethodGet, base+orderPath(string(id)), nil) //nolint:noctx // hammer gives it one
	}
	limit, err := b.empty(ctx, get)
	if err != nil {
		return figure{}, err
	}
	go func() { _ = app.public.serve() }()
	value, err := hammer(ctx, app.URL(), get)
	if err != nil {
		return figure{}, err
	}
	return figure{
		Unit: "requests/s", Value: value, Limit: limit, Budget: 0.6,
		Detail: fmt.Sprintf("GET /v1/orders/{id}, one of %s orders of %d lines, %d connections; limit: the same server with an empty handler", grouped(benchStored), benchLines, httpClients),
	}.judge(true), nil
}

// placeAsk makes requests that differ in nothing but their key.
func placeAsk() ask {
	body := placeBody{Customer: benchCustomer, PaymentToken: "tok_visa"}
	for l := range benchLines {
		body.Lines = append(body.Lines, placeLine{string(benchSKU(l)), 1})
	}
	data, err := json.Marshal(body)
	return func(base string, i int64) (*http.Request, error) {
		if err != nil {
			return nil, err
		}
		r, err := http.NewRequest(http.MethodPost, base+"/v1/orders", bytes.NewReader(data)) //nolint:noctx // hammer gives it one
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf(`"http-%d"`, i))
		return r, nil
	}
}

// empty measures the same server with a handler that does nothing.
func (b *bench) empty(ctx context.Context, make ask) (float64, error) {
	l, err := listenOn(ctx, anyPort, httpapi.EmptyHandler(httpapi.Config{}), slog.New(slog.DiscardHandler), "--listen")
	if err != nil {
		return 0, err
	}
	defer l.close()
	go func() { _ = l.serve() }()
	return hammer(ctx, l.url(), make)
}

// hammer keeps connections busy for benchTime and returns the answers per second.
func hammer(ctx context.Context, base string, make ask) (float64, error) {
	transport := &http.Transport{MaxIdleConnsPerHost: httpClients}
	defer transport.CloseIdleConnections()
	limit, cancel := context.WithTimeout(ctx, benchTime)
	defer cancel()
	var asked, answered atomic.Int64
	begun := time.Now()
	err := inParallel(ctx, httpClients, httpClients, func(int) error {
		for limit.Err() == nil {
			r, err := make(base, asked.Add(1))
			if err != nil {
				return err
			}
			if err := roundTrip(transport, r.WithContext(ctx)); err != nil {
				return err
			}
			answered.Add(1)
		}
		return nil
	})
	return perSecond(answered.Load(), time.Since(begun)), err
}

func roundTrip(t *http.Transport, r *http.Request) error {
	answer, err := t.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return problemError(answer)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return domain.Wrap(domain.Internal, err, "An answer broke off")
	}
	return nil
}
