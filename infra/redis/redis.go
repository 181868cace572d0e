package redis

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"orderflow/domain"
	"orderflow/domain/eventlog"
	"orderflow/internal/breaker"
)

// DefaultTimeout bounds one call: a healthy Redis answers in less than a
// millisecond, and what is asked instead takes about as long as this.
const DefaultTimeout = 50 * time.Millisecond

// maxConnections bounds the connections to each node: calls are short, so more
// of them only queue in Redis instead of here.
const maxConnections = 64

// Options configure a client.
type Options struct {
	URLs    []string      // redis://user:password@host:port/db or rediss://…; several are a cluster
	Prefix  string        // of every key; without braces
	Timeout time.Duration // of each call; 0 is [DefaultTimeout]
	Logger  *slog.Logger  // nil for the default
}

// Redis is a client of one node or cluster. It is safe for concurrent use.
type Redis struct {
	client     goredis.UniversalClient
	timeout    time.Duration
	logger     *slog.Logger
	now        func() time.Time
	cluster    bool
	keys       *layout
	breakers   []*breaker.Breaker
	watermarks [groupCount]readWatermark
	stats      counts

	apply, keepScript, available, take *goredis.Script
	tagLife, heartbeatInterval         time.Duration // constants, but in tests

	mirror                *Mirror
	mirrorOnce, closeOnce sync.Once
	closeErr              error
}

// Positions tells up to where this process has seen the view of a group, by
// any answer; see package projections for the names.
type Positions func(group string) eventlog.Position

// Open returns a client. A Redis that is away is no error, only a line in the
// log; options that can never work are Invalid.
func Open(ctx context.Context, o Options) (*Redis, error) {
	if strings.ContainsAny(o.Prefix, "{}") {
		return nil, domain.Errorf(domain.Invalid, "The prefix of Redis keys must not contain braces.")
	}
	u, err := universal(o.URLs)
	if err != nil {
		return nil, err
	}
	r := &Redis{
		timeout: o.Timeout, logger: o.Logger, now: time.Now, cluster: len(o.URLs) > 1, breakers: newBreakers(len(o.URLs) > 1),
		keys: newLayout(o.Prefix), tagLife: tagLife, heartbeatInterval: heartbeatInterval,
		apply: script("apply"), keepScript: script("keep"), available: script("available"), take: script("take"),
	}
	if r.timeout <= 0 {
		r.timeout = DefaultTimeout
	}
	if r.logger == nil {
		r.logger = slog.Default()
	}
	r.mirror = newMirror(r)
	u.DialTimeout = r.timeout
	goredis.SetLogger(library{r.logger}) // one for the whole process; the last client's
	r.client = goredis.NewUniversalClient(u)
	if err := r.Ping(ctx); err != nil {
		r.logger.Warn("Redis is away; everything works without it, slower", "error", err)
	}
	return r, nil
}

// universal reads the URLs. Their texts may hold a password, so no error
// repeats them.
func universal(urls []string) (*goredis.UniversalOptions, error) {
	if len(urls) == 0 {
		return nil, domain.Errorf(domain.Invalid, "Redis needs at least one URL.")
	}
	u := &goredis.UniversalOptions{
		ContextTimeoutEnabled:    true,
		MaxRetries:               -1, // a caller falls back instead
		DialerRetries:            1,  // likewise
		MinRetryBackoff:          -1, // a call has no time to wait: in a cluster it is tried on other nodes at once
		MaxRetryBackoff:          -1,
		ReadTimeout:              mirrorTimeout, // the context of a call is shorter
		WriteTimeout:             mirrorTimeout,
		PoolSize:                 maxConnections,
		MaxActiveConns:           maxConnections,
		DisableIdentity:          true,
		IsClusterMode:            len(urls) > 1,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	for i, text := range urls {
		p, err := goredis.ParseURL(text)
		if err != nil {
			return nil, domain.Errorf(domain.Invalid, "URL %d of Redis is not like redis://host:port.", i+1)
		}
		if i == 0 {
			u.Username, u.Password, u.DB, u.TLSConfig = p.Username, p.Password, p.DB, p.TLSConfig
		}
		u.Addrs = append(u.Addrs, p.Addr)
	}
	if u.IsClusterMode && u.DB != 0 {
		return nil, domain.Errorf(domain.Invalid, "A Redis cluster has only database 0.")
	}
	return u, nil
}

// Ping asks every master for a sign of life, whatever happened before.
func (r *Redis) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	var err error
	if c, ok := r.client.(*goredis.ClusterClient); ok {
		err = c.ForEachMaster(ctx, func(ctx context.Context, c *goredis.Client) error { return c.Ping(ctx).Err() })
	} else {
		err = r.client.Ping(ctx).Err()
	}
	if err != nil {
		return unavailable(err)
	}
	return nil
}

// Close ends all connections, and the mirror after at most [mirrorTimeout].
// What is called later is Unavailable.
func (r *Redis) Close() error {
	r.closeOnce.Do(func() {
		r.mirrorOnce.Do(func() { close(r.mirror.ended) }) // it never ran and never will
		close(r.mirror.stop)
		<-r.mirror.ended
		r.closeErr = r.client.Close()
	})
	return r.closeErr
}

// library sends the log lines of go-redis, one for each failed connection, to the
// debug log instead of standard error. [Stats] counts them.
type library struct{ logger *slog.Logger }

// Printf implements the library's logger.
func (l library) Printf(ctx context.Context, format string, args ...any) {
	if l.logger.Enabled(ctx, slog.LevelDebug) {
		l.logger.DebugContext(ctx, "go-redis", "said", fmt.Sprintf(format, args...))
	}
}

func unavailable(err error) error {
	return domain.Wrap(domain.Unavailable, err, "Redis does not answer")
}
