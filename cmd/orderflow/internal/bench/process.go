package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/cmd/orderflow/internal/terminal"
	"orderflow/domain"
)

// What a process is measured with.
const (
	startBudget  = 2 * time.Second
	memoryBudget = 600    // MiB resident
	memoryReads  = 20_000 // orders read before the memory is measured
	memoryOrders = 2_000  // orders placed before the memory is measured
	growthOrders = 10_000
)

// start measures a new process on a large log up to its first answered command.
func (b *Bench) start(ctx context.Context) (Figure, error) {
	dir, err := b.stored(ctx, benchEvents/eventsPerOrder)
	if err != nil {
		return Figure{}, err
	}
	begun := time.Now()
	p, err := startServer(ctx, dir)
	if err != nil {
		return Figure{}, err
	}
	defer p.end()
	if err := p.command(ctx, "start"); err != nil {
		return Figure{}, err
	}
	took := time.Since(begun)
	return Figure{
		Unit: "s", Value: took.Seconds(), Limit: startBudget.Seconds(), Budget: 1, AtMost: true,
		Detail: fmt.Sprintf("a new process, %s events in the log, until stock was received over HTTP", terminal.Grouped(benchEvents)),
	}.Judge(true), nil
}

// memory measures what a process holds that serves a large log.
func (b *Bench) memory(ctx context.Context) (Figure, error) {
	dir, err := b.stored(ctx, b.scale)
	if err != nil {
		return Figure{}, err
	}
	p, err := startServer(ctx, dir)
	if err != nil {
		return Figure{}, err
	}
	defer p.end()
	if err := p.work(ctx, b.scale); err != nil {
		return Figure{}, err
	}
	resident, err := p.resident()
	if err != nil {
		return Figure{}, err
	}
	return Figure{
		Unit: "MiB", Value: resident, Limit: memoryBudget, Budget: 1, AtMost: true,
		Detail: fmt.Sprintf("%s orders of %d lines stored, after %s were read and %s placed", terminal.Grouped(int64(b.scale)), benchLines, terminal.Grouped(memoryReads), terminal.Grouped(memoryOrders)),
	}.Judge(true), nil
}

// growth measures what an order costs on a large log against a small one.
func (b *Bench) growth(ctx context.Context) (Figure, error) {
	small, err := b.costPerOrder(ctx, benchStored)
	if err != nil {
		return Figure{}, err
	}
	large, err := b.costPerOrder(ctx, b.scale)
	if err != nil {
		return Figure{}, err
	}
	return Figure{
		Unit: "µs/order", Value: large, Limit: small, Budget: 1.2, AtMost: true,
		Detail: fmt.Sprintf("placed to confirmed and in the views, with %s orders stored; limit: with %s", terminal.Grouped(int64(b.scale)), terminal.Grouped(benchStored)),
	}.Judge(true), nil
}

// costPerOrder measures; in a profile its samples have the label stored.
func (b *Bench) costPerOrder(ctx context.Context, stored int) (micros float64, err error) {
	dir, err := b.stored(ctx, stored)
	if err != nil {
		return 0, err
	}
	pprof.Do(ctx, pprof.Labels("stored", strconv.Itoa(stored)), func(ctx context.Context) { micros, err = b.runOn(ctx, dir) })
	return micros, err
}

func (b *Bench) runOn(ctx context.Context, dir string) (micros float64, err error) {
	app, err := b.Node(ctx, dir, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, app.Close()) }()
	run := fmt.Sprint("growth-", time.Now().UnixNano())
	err = app.While(ctx, func(ctx context.Context) error {
		if _, err := RunOrders(ctx, app, run+"-warm", growthOrders/10, confirmWindow); err != nil {
			return err
		}
		r, err := RunOrders(ctx, app, run, growthOrders, confirmWindow)
		micros = 1e6 / r.PerSecond
		return err
	})
	return micros, err
}

// process is a server in a process of its own.
type process struct {
	cmd *exec.Cmd
	api *client.Client
}

// startServer runs this very program as a server and returns when it listens.
func startServer(ctx context.Context, dir string) (*process, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, program, "serve", "--data", dir, "--listen", node.AnyPort, "--private", "")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if at := strings.Index(lines.Text(), "http://"); at >= 0 {
			base := strings.TrimSuffix(lines.Text()[at:], "/v1/orders")
			p.api = &client.Client{Base: base, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: httpClients}}}
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return p, nil
		}
	}
	p.end()
	return nil, domain.Errorf(domain.Internal, "the server did not start")
}

func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// command sends the cheapest command there is.
func (p *process) command(ctx context.Context, key string) error {
	body := client.ReceiptBody{Units: []client.PlaceLine{{SKU: string(SKU(0)), Quantity: 1}}}
	return p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/stock/receipts", Body: body, Key: key}, nil)
}

// work reads and places orders, so that caches fill.
func (p *process) work(ctx context.Context, stored int) error {
	err := InParallel(ctx, memoryReads, httpClients, func(i int) error {
		_, err := p.api.Order(ctx, string(Order("fill", 1+i*7919%(stored-1)).OrderID()), nil)
		return err
	})
	if err != nil {
		return err
	}
	body := client.PlaceBody{Customer: benchCustomer, PaymentToken: "tok_visa"}
	for l := range benchLines {
		body.Lines = append(body.Lines, client.PlaceLine{SKU: string(SKU(l)), Quantity: 1})
	}
	return InParallel(ctx, memoryOrders, httpClients, func(i int) error {
		return p.api.Do(ctx, client.Request{Method: http.MethodPost, Path: "/v1/orders", Body: body, Key: fmt.Sprint("memory-", i), Wait: client.OutcomeWait}, nil)
	})
}

// resident is the memory the process holds, in MiB, as Linux counts it.
func (p *process) resident() (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, domain.Wrap(domain.Internal, err, "Memory is measured on Linux only")
	}
	for line := range strings.Lines(string(data)) {
		if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(kib), "kB")), 64)
			return n / 1024, err
		}
	}
	return 0, domain.Errorf(domain.Internal, "/proc does not tell the resident memory")
}
