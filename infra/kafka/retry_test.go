package kafka_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/IBM/sarama"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/domain/order"
	"orderflow/domain/payment"
	"orderflow/infra/kafka"
	"orderflow/infra/memory"
)

// put appends events to a stream, after those that are there.
func put[E eventlog.Typed](t testing.TB, log *memory.Log, codec eventlog.Codec[E], stream eventlog.Stream, id domain.OrderID, events ...E) {
	t.Helper()
	var version eventlog.Version
	for r, err := range log.Read(t.Context(), stream, 0) {
		if err != nil {
			t.Fatal(err)
		}
		version = r.Version
	}
	for _, e := range events {
		p, err := codec.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		p.ID = eventlog.NewEventID(fmt.Sprint("put", version), stream, 0)
		p.Meta = eventlog.Meta{Correlation: string(id)}
		if _, err := log.Append(t.Context(), stream, version, p); err != nil {
			t.Fatal(err)
		}
		version++
	}
}

// deferred is an order of a customer whose payment was put off.
func deferred(t testing.TB, log *memory.Log, id domain.OrderID, customer domain.CustomerID, events ...payment.Event) {
	t.Helper()
	put(t, log, order.Codec, order.Stream(id), id, order.Event(order.Placed{
		Order: id, Customer: customer, Warehouse: "main", Total: domain.Money{Minor: 2_208, Currency: "GBP"},
		Lines: []order.Line{{SKU: "85123A", Name: "HOLDER", Quantity: 6, PriceMinor: 368}}, PaymentToken: "tok_secret", Origin: order.OriginAPI,
	}))
	put(t, log, payment.Codec, payment.Stream(id), id, events...)
}

// A payment that is put off because the breaker is open, or whose outcome is
// lost to a timeout, puts its order into the queue; nothing else does.
func TestRetryQueueIsFedFromTheLog(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	open := payment.Deferred{Gateway: "sim", Reason: "circuit_open"}
	deferred(t, log, "ord_open", "cust_1", open)
	deferred(t, log, "ord_late", "cust_gold", payment.OutcomeUnknown{Gateway: "sim", Reason: "timeout"})
	deferred(t, log, "ord_full", "cust_3", payment.Deferred{Gateway: "sim", Reason: "bulkhead_full"},
		payment.OutcomeUnknown{Gateway: "sim", Reason: "connection_lost"}, payment.Declined{Gateway: "sim", Reason: "timeout"})
	put(t, log, payment.Codec, payment.Stream("ord_ghost"), "ord_ghost", payment.Event(open)) // nobody placed it
	end, err := log.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	premium := func(c domain.CustomerID) bool { return c == "cust_gold" }
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places, Premium: premium}.Run)
	eventually(t, "all is published", func() bool { return place(t, places) == end })

	byKey := map[string]*sarama.ConsumerMessage{}
	for _, m := range everything(t, k, kafka.RetryTopic) {
		byKey[string(m.Key)] = m
	}
	if len(byKey) != 2 {
		t.Fatalf("%d customers are in the queue, want 2", len(byKey))
	}
	for _, want := range []struct{ customer, order, reason, priority string }{
		{"cust_1", "ord_open", "circuit-breaker-open", "NORMAL"},
		{"cust_gold", "ord_late", "timeout", "HIGH"},
	} {
		m := byKey[want.customer]
		var have struct {
			Order struct {
				ID, Customer, Currency string
				Total                  int64 `json:"total_minor"`
				Lines                  []order.Line
			}
			Timestamp   time.Time
			RetryCount  *int `json:"retry_count"`
			Priority    string
			Correlation string `json:"correlation_id"`
		}
		if err := json.Unmarshal(m.Value, &have); err != nil {
			t.Fatal(err)
		}
		o := have.Order
		if o.ID != want.order || o.Customer != want.customer || o.Total != 2_208 || o.Currency != "GBP" || len(o.Lines) != 1 {
			t.Errorf("the order of %s is %+v", want.customer, o)
		}
		if have.Priority != want.priority || have.RetryCount == nil || *have.RetryCount != 0 || have.Correlation != want.order || time.Since(have.Timestamp) > time.Hour {
			t.Errorf("the body of %s is %s", want.customer, m.Value)
		}
		if header(m, "content-type") != "application/json" || header(m, "origin") != "order-service" || header(m, "fallback-reason") != want.reason {
			t.Errorf("the headers of %s are %v", want.customer, m.Headers)
		}
	}
}

// gate is a gateway that is ready or not.
type gate struct {
	open  atomic.Bool
	asked atomic.Int64
}

func (g *gate) ready() (time.Duration, bool) {
	g.asked.Add(1)
	return 100 * time.Millisecond, g.open.Load()
}

// While the gateway is not ready orders stay in the queue, which says how many
// and how old; then those with priority come first, and each comes once.
func TestRetryQueueWaitsForTheGateway(t *testing.T) {
	k, log, places := brokers(t), memory.New(), &memory.Checkpoints{}
	const orders = 40
	for i := range orders {
		customer := domain.CustomerID(fmt.Sprintf("cust_%d", i))
		deferred(t, log, orderID(i), customer, payment.Deferred{Gateway: "sim", Reason: "circuit_open"})
	}
	premium := func(c domain.CustomerID) bool { return c[len(c)-1] == '7' } // 7, 17, 27, 37
	running(t, kafka.Relay{Kafka: k, Log: log, Checkpoints: places, Premium: premium}.Run)
	eventually(t, "all is published", func() bool { return place(t, places) == endOf(t, log) })

	var g gate
	var mu sync.Mutex
	var woken []domain.OrderID
	queue := k.RetryQueue()
	stop := running(t, func(ctx context.Context) error {
		return queue.Run(ctx, g.ready, func(id domain.OrderID) { mu.Lock(); defer mu.Unlock(); woken = append(woken, id) })
	})
	depth := func() kafka.Lag {
		lags, err := k.Lag(t.Context(), kafka.RetryGroup, kafka.RetryTopic)
		if err != nil || len(lags) != 1 {
			t.Fatalf("lag %v, error %v", lags, err)
		}
		return lags[0]
	}
	eventually(t, "all are fetched, and the gateway was asked for", func() bool { return queue.Waiting() == orders && g.asked.Load() > 5 })
	if lag := depth(); lag.Messages != orders || lag.Age < 500*time.Millisecond || lag.Age > time.Minute {
		t.Errorf("the queue has %d messages, the oldest %v old, want %d", lag.Messages, lag.Age, orders)
	}
	if asked := g.asked.Load(); asked > 100 {
		t.Errorf("the gateway was asked %d times: the queue spins", asked)
	}
	g.open.Store(true)
	eventually(t, "all orders are handed on", func() bool { mu.Lock(); defer mu.Unlock(); return len(woken) == orders })
	eventually(t, "the queue is empty", func() bool { return depth().Messages == 0 })
	_ = stop()
	first := slices.Clone(woken[:4])
	slices.Sort(first)
	if !slices.Equal(first, []domain.OrderID{orderID(7), orderID(17), orderID(27), orderID(37)}) {
		t.Errorf("%v came first, want those with priority", first)
	}
	slices.Sort(woken)
	if n := len(slices.Compact(woken)); n != orders {
		t.Errorf("%d different orders were handed on, want %d", n, orders)
	}
}

// What cannot be read does not stay in the way of the queue.
func TestRetryQueueSetsAsideWhatItCannotRead(t *testing.T) {
	k := brokers(t)
	out := hand(t)
	sent := func(l letter) {
		if _, _, err := out.SendMessage(l.to(k.Topic(kafka.RetryTopic), 0)); err != nil {
			t.Fatal(err)
		}
	}
	ok := func() letter {
		return letter{
			key: []byte("c"), body: []byte(`{"order":{"id":"ord_1","customer":"c"},"priority":"NORMAL"}`),
			headers: map[string]string{"content-type": "application/json; charset=utf-8", "origin": "order-service", "fallback-reason": "timeout"},
		}
	}
	bad := map[string]kafka.Reason{}
	for name, p := range map[string]struct {
		change func(*letter)
		reason kafka.Reason
	}{
		"no JSON":         {body(`{`), kafka.BadBody},
		"no order":        {body(`{"priority":"HIGH"}`), kafka.BadBody},
		"other priority":  {body(`{"order":{"id":"ord_1","customer":"c"},"priority":"LOW"}`), kafka.BadBody},
		"other content":   {with("content-type", "text/plain"), kafka.BadHeader},
		"no reason":       {without("fallback-reason"), kafka.MissingHeader},
		"another reason":  {with("fallback-reason", "mood"), kafka.BadHeader},
		"another's order": {func(l *letter) { l.key = []byte("d") }, kafka.WrongKey},
	} {
		l := ok()
		p.change(&l)
		bad[name] = p.reason
		sent(l)
	}
	sent(ok())
	var woken atomic.Int64
	running(t, func(ctx context.Context) error {
		return k.RetryQueue().Run(ctx, func() (time.Duration, bool) { return 0, true }, func(domain.OrderID) { woken.Add(1) })
	})
	eventually(t, "the good one is handed on", func() bool { return woken.Load() == 1 })
	list, err := kafka.Poison{Kafka: k}.List(t.Context(), kafka.Filter{Group: kafka.RetryGroup})
	if err != nil || len(list) != len(bad) {
		t.Fatalf("%d messages were dead-lettered, error %v; want %d", len(list), err, len(bad))
	}
	have, want := map[kafka.Reason]int{}, map[kafka.Reason]int{}
	for _, r := range list {
		have[r.Reason]++
	}
	for _, reason := range bad {
		want[reason]++
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		t.Errorf("dead-lettered for %v, want %v", have, want)
	}
}
