package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"orderflow/cmd/orderflow/internal/audit"
	"orderflow/cmd/orderflow/internal/client"
	"orderflow/domain"
	"orderflow/projections"
)

// Client asks a running server to do an operator's work.
type Client struct{ base string }

// New returns a client of the server at base, a URL.
func New(base string) Client { return Client{strings.TrimRight(base, "/")} }

// Status implements views.
func (a Client) Status(ctx context.Context) (all []projections.Status, err error) {
	return all, a.ask(ctx, http.MethodGet, StatusPath, &all)
}

// Rebuild implements views; how far it has come is not told over the network.
func (a Client) Rebuild(ctx context.Context, group string, _ func(projections.Progress)) (r projections.Rebuilt, err error) {
	return r, a.ask(ctx, http.MethodPost, groupPath(RebuildPath, group), &r)
}

// Verify implements views; how far it has come is not told over the network.
func (a Client) Verify(ctx context.Context, group string, _ func(projections.Progress)) (r projections.Report, err error) {
	return r, a.ask(ctx, http.MethodPost, groupPath(VerifyPath, group), &r)
}

// AskReplay has the server at base add up its whole log.
func AskReplay(ctx context.Context, base string) (r audit.Replayed, err error) {
	return r, New(base).ask(ctx, http.MethodPost, ReplayPath, &r)
}

// VerifyLog asks the server to read its whole log.
func (a Client) VerifyLog(ctx context.Context) (r LogReport, err error) {
	return r, a.ask(ctx, http.MethodPost, LogPath, &r)
}

// BackUp asks the server to copy its log.
func (a Client) BackUp(ctx context.Context, to string) (made LogCopied, err error) {
	return made, a.ask(ctx, http.MethodPost, BackupPath+"?to="+url.QueryEscape(to), &made)
}

func groupPath(pattern, group string) string {
	return strings.Replace(pattern, "{group}", url.PathEscape(group), 1)
}

func (a Client) ask(ctx context.Context, method, path string, out any) error {
	r, err := http.NewRequestWithContext(ctx, method, a.base+path, nil)
	if err != nil {
		return domain.Wrap(domain.Invalid, err, "%q is not the address of a server", a.base)
	}
	client.Bear(r)
	answer, err := http.DefaultClient.Do(r)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case err != nil:
		return domain.Wrap(domain.Unavailable, err, "There is no answer from %s: start one with `orderflow serve`, name another with --server URL, or work on a data directory with --data DIR", a.base)
	}
	defer answer.Body.Close()
	if answer.Header.Get("Content-Type") == client.ProblemJSON { // from who stands before administration
		return client.ProblemError(answer)
	}
	body := json.NewDecoder(io.LimitReader(answer.Body, client.MaxAnswerBytes))
	if answer.StatusCode == http.StatusOK {
		return body.Decode(out)
	}
	var failed Error
	if body.Decode(&failed) != nil || failed.Text == "" {
		return domain.Errorf(client.KindOfStatus(answer.StatusCode), "%s answered %s, which is not from orderflow: is the address right?", a.base, answer.Status)
	}
	return domain.Errorf(failed.Kind, "%s", failed.Text)
}
