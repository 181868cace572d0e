package target

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"orderflow/cmd/orderflow/internal/client"
	"orderflow/cmd/orderflow/internal/node"
	"orderflow/domain"
)

// WhomHelp is the rule by which a subcommand chooses its target; README states it too.
const WhomHelp = `Whom a command asks: the server named with --server, or in process the directory named with --data. ` +
	`With neither it asks the default server if one answers, else it works on the default data directory if there is a log in it.`

// lookTime bounds the wait for a default server to say that it is there.
const lookTime = 2 * time.Second

// Resolve chooses the target when neither is named; see [WhomHelp]. A directory
// that is named comes before a server that the environment names.
func (n Source) Resolve(ctx context.Context, logger *slog.Logger) (Source, error) {
	switch {
	case n.Data != "" || n.Server != "":
		return n, nil
	case answers(ctx, n.Near):
		n.Server = n.Near
		return n, nil
	case n.EventStore != "": // there the log is; who needs views looks for them
		n.Data = n.Home
		return n, nil
	}
	if err := n.Config().Exists(); err != nil {
		return n, domain.Errorf(domain.Unavailable,
			"There is no answer from %s and no log in %s: start a server with `orderflow serve`, name another with --server URL, or name a data directory with --data DIR.",
			n.Near, cmp.Or(n.Home, "a default data directory"))
	}
	n.Data = n.Home
	logger.InfoContext(ctx, "no server answers, so the data directory is opened", "server", n.Near, "data", n.Data)
	return n, nil
}

// answers says whether an orderflow serves there, and not something else.
func answers(ctx context.Context, base string) bool {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz/live", nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	var health struct{ Status string }
	err = json.NewDecoder(io.LimitReader(answer.Body, client.MaxProblemBytes)).Decode(&health)
	return err == nil && answer.StatusCode == http.StatusOK && health.Status == "ok" && answer.Header.Get("Request-Id") != ""
}

// DefaultServerURL is where `orderflow serve` listens unless its own flag says otherwise.
func DefaultServerURL(getenv func(string) string) string {
	listen := getenv("ORDERFLOW_LISTEN")
	if _, port, err := net.SplitHostPort(listen); err != nil || port == "0" {
		listen = node.DefaultListen
	}
	return "http://" + listen
}
