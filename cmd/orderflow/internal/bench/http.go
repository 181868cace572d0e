package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
	"orderflow/infra/httpapi"
)

// What the API is measured with.
const (
	// httpClients is how many connections are kept busy: as many as keep both
	// cores busy on either side. With a few, what is measured is how long a disk
	// takes to sync, which those who wait share.
	httpClients = 256
	httpRounds  = 5 // for the node and for the empty handler, in turns
	roundTime   = time.Second
)

// ask makes the i-th request of a measurement.
type ask func(base string, i int64) (*http.Request, error)

// accept measures placing orders against an empty handler with the same body.
func (b *Bench) accept(ctx context.Context) (Figure, error) {
	value, limit, err := b.against(ctx, b.Folder(), placeAsk(b.Run))
	return Figure{
		Unit: "requests/s", Value: value, Limit: limit, Budget: 0.4,
		Detail: fmt.Sprintf("POST /v1/orders, %d lines, %d connections, durable, sagas and views idle; limit: the same server with an empty handler", benchLines, httpClients),
	}.Judge(true), err
}

// read measures reading one order against an empty handler.
func (b *Bench) read(ctx context.Context) (Figure, error) {
	dir, err := b.stored(ctx, benchStored)
	if err != nil {
		return Figure{}, err
	}
	value, limit, err := b.against(ctx, dir, func(base string, i int64) (*http.Request, error) {
		id := Order(b.Run+"fill", 1+int(i*7919)%(benchStored-1)).OrderID()             // all over the table
		return http.NewRequest(http.MethodGet, base+client.OrderPath(string(id)), nil) //nolint:noctx // hammer gives it one
	})
	return Figure{
		Unit: "requests/s", Value: value, Limit: limit, Budget: 0.6,
		Detail: fmt.Sprintf("GET /v1/orders/{id}, one of %s orders of %d lines, %d connections; limit: the same server with an empty handler", terminal.Grouped(benchStored), benchLines, httpClients),
	}.Judge(true), err
}

// against measures a request on a node and on the same server with an empty
// handler, in turns, so that whatever else the machine does meets both alike.
// Only the API, the log and the views' store work: what the sagas and the
// projections cost is in confirm.
func (b *Bench) against(ctx context.Context, dir string, build ask) (value, limit float64, err error) {
	app, err := b.Node(ctx, dir, node.AnyPort)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	go func() { _ = app.Public.Serve() }()
	empty, err := node.ListenOn(ctx, node.AnyPort, httpapi.EmptyHandler(httpapi.Config{}), app.Logger, "--listen")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, empty.Close()) }()
	go func() { _ = empty.Serve() }()
	var asked, node, bare atomic.Int64
	for range httpRounds {
		for _, side := range []struct {
			base     string
			answered *atomic.Int64
		}{{empty.URL(), &bare}, {app.URL(), &node}} {
			if err := hammer(ctx, side.base, build, &asked, side.answered); err != nil {
				return 0, 0, err
			}
		}
	}
	took := httpRounds * roundTime
	return terminal.PerSecond(node.Load(), took), terminal.PerSecond(bare.Load(), took), nil
}

// placeAsk makes requests that differ in nothing but their key.
func placeAsk(run string) ask {
	body := client.PlaceBody{Customer: benchCustomer, PaymentToken: "tok_visa"}
	for l := range benchLines {
		body.Lines = append(body.Lines, client.PlaceLine{SKU: string(SKU(l)), Quantity: 1})
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
		r.Header.Set("Idempotency-Key", fmt.Sprintf(`"%shttp-%d"`, run, i))
		return r, nil
	}
}

// hammer keeps connections busy for roundTime and counts the answers.
func hammer(ctx context.Context, base string, build ask, asked, answered *atomic.Int64) error {
	transport := &http.Transport{MaxIdleConnsPerHost: httpClients}
	defer transport.CloseIdleConnections()
	limit, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	return InParallel(ctx, httpClients, httpClients, func(int) error {
		for limit.Err() == nil {
			r, err := build(base, asked.Add(1))
			if err != nil {
				return err
			}
			if err := roundTrip(transport, r.WithContext(ctx)); err != nil {
				return err
			}
			if limit.Err() == nil { // what ends too late does not count
				answered.Add(1)
			}
		}
		return nil
	})
}

func roundTrip(t *http.Transport, r *http.Request) error {
	answer, err := t.RoundTrip(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= http.StatusBadRequest {
		return client.ProblemError(answer)
	}
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return domain.Wrap(domain.Internal, err, "An answer broke off")
	}
	return nil
}
