package groups

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"orderflow/domain/eventlog"
	"orderflow/infra/esdbserver/internal/engine"
)

// Options of [Open]. The zero value runs groups without filters, silently.
type Options struct {
	Compile Compiled     // nil refuses filters
	Logger  *slog.Logger // nil discards
}

// Groups are the persistent subscriptions of a node. It is safe for concurrent use.
type Groups struct {
	api     engine.API
	compile Compiled
	logger  *slog.Logger

	changing sync.Mutex   // held while the configuration is written
	mu       sync.RWMutex // guards what follows
	running  map[Key]*group
	order    []Key // in which they were made
	closed   bool
}

// Open starts all groups that are configured. Close ends them.
func Open(ctx context.Context, api engine.API, o Options) (*Groups, error) {
	gs := &Groups{api: api, compile: o.Compile, logger: o.Logger, running: map[Key]*group{}}
	if gs.logger == nil {
		gs.logger = slog.New(slog.DiscardHandler)
	}
	if gs.compile == nil {
		gs.compile = func(Filter) (engine.Filter, error) { return nil, fmt.Errorf("filters are not served here") }
	}
	configured, filters, err := gs.load(ctx)
	if err != nil {
		return nil, err
	}
	for i, c := range configured { // gs is not shared yet
		gs.start(c, filters[i])
	}
	return gs, nil
}

// load reads the configuration.
func (gs *Groups) load(ctx context.Context) (configured []Configured, filters []engine.Filter, err error) {
	for r, err := range gs.api.ReadStream(ctx, configStream, engine.NewestNumber, engine.Span{Backwards: true, Max: 1}) {
		if missing(err) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if configured, err = decodeConfig(r.Event.Data); err != nil {
			return nil, nil, err
		}
	}
	for _, c := range configured {
		f, err := gs.filter(c)
		if err != nil {
			return nil, nil, err
		}
		filters = append(filters, f)
	}
	return configured, filters, nil
}

func (gs *Groups) filter(c Configured) (engine.Filter, error) {
	if c.Settings.Filter == nil {
		return nil, nil
	}
	f, err := gs.compile(*c.Settings.Filter)
	if err != nil {
		return nil, &Error{Kind: Failed, Key: c.Key, Reason: err.Error()}
	}
	return f, nil
}

// start runs a group. It must hold the lock if others know that there is a
// group: between the end of one and the start of the next it would not be found.
func (gs *Groups) start(c Configured, f engine.Filter) {
	if !slices.Contains(gs.order, c.Key) {
		gs.order = append(gs.order, c.Key)
	}
	gs.running[c.Key] = startGroup(c, f, gs.api, gs.logger)
}

func (gs *Groups) find(key Key) (*group, error) {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	if gs.closed {
		return nil, &Error{Kind: Closed, Key: key}
	}
	if g := gs.running[key]; g != nil {
		return g, nil
	}
	return nil, &Error{Kind: NotFound, Key: key}
}

// Create makes a group. The error is an [Error] or the engine's.
func (gs *Groups) Create(ctx context.Context, by string, key Key, s Settings) error {
	gs.changing.Lock()
	defer gs.changing.Unlock()
	if err := check(key, s); err != nil {
		return err
	}
	if _, err := gs.find(key); err == nil {
		return &Error{Kind: Exists, Key: key}
	} else if KindOf(err) != NotFound {
		return err
	}
	all := gs.configured()
	if slices.ContainsFunc(all, func(other Configured) bool { return other.Key.String() == key.String() }) {
		return &Error{Kind: Exists, Key: key} // a::b of c and b::c of a would share what they store
	}
	c := Configured{Key: key, Settings: s}
	f, err := gs.filter(c)
	if err != nil {
		return err
	}
	if c.Begin, err = begin(ctx, gs.api, key, s.Start); err != nil {
		return err
	}
	if len(all) >= MaxGroups {
		return &Error{Kind: Failed, Key: key, Reason: fmt.Sprintf("the node has %d persistent subscriptions, and takes no more", MaxGroups)}
	}
	keep := engine.Write{
		Stream: engine.MetastreamOf(key.checkpointStream()), Expected: engine.Any,
		Events: []engine.Proposed{metadataEvent(`{"$maxCount":%d}`, checkpointMaxCount)},
	}
	if err := gs.store(ctx, by, append(all, c), keep); err != nil {
		return err
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	gs.start(c, f)
	return nil
}

// Update gives a group other settings and drops its clients. It keeps its
// filter, and goes on after its checkpoint if there is one.
func (gs *Groups) Update(ctx context.Context, by string, key Key, s Settings) error {
	gs.changing.Lock()
	defer gs.changing.Unlock()
	g, err := gs.find(key)
	if err != nil {
		return err
	}
	if err := check(key, s); err != nil {
		return err
	}
	c := Configured{Key: key, Settings: s}
	c.Settings.Filter = g.configured.Settings.Filter
	if c.Begin, err = begin(ctx, gs.api, key, s.Start); err != nil {
		return err
	}
	if key.Stream != AllStream && !s.Start.End {
		last, err := gs.api.LastNumber(ctx, key.Stream)
		if err != nil {
			return err
		}
		c.Beyond = s.Start.At > Place(last)
	}
	all := gs.configured()
	all[slices.IndexFunc(all, func(other Configured) bool { return other.Key == key })] = c
	if err := gs.store(ctx, by, all); err != nil {
		return err
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	g.stop(Dropped, false)
	gs.start(c, g.filter)
	return nil
}

// Delete ends a group, drops its clients and deletes what it knew.
func (gs *Groups) Delete(ctx context.Context, by string, key Key) error {
	gs.changing.Lock()
	defer gs.changing.Unlock()
	g, err := gs.find(key)
	if err != nil {
		return err
	}
	g.stop(Dropped, false) // before its state goes, or it would write it again
	all := slices.DeleteFunc(gs.configured(), func(other Configured) bool { return other.Key == key })
	gone, err := gs.deletions(ctx, key)
	if err == nil {
		err = gs.store(ctx, by, all, gone...)
	}
	gs.mu.Lock()
	defer gs.mu.Unlock()
	if err != nil {
		gs.start(g.configured, g.filter)
		return err
	}
	delete(gs.running, key)
	gs.order = slices.DeleteFunc(gs.order, func(other Key) bool { return other == key })
	return nil
}

// deletions hide what a group knew.
func (gs *Groups) deletions(ctx context.Context, key Key) (writes []engine.Write, err error) {
	for _, stream := range []string{key.checkpointStream(), key.parkedStream()} {
		last, err := gs.api.LastNumber(ctx, stream)
		if err != nil {
			return nil, err
		}
		if last >= 0 {
			writes = append(writes, engine.Write{
				Stream: engine.MetastreamOf(stream), Expected: engine.Any,
				Events: []engine.Proposed{metadataEvent(`{"$tb":%d}`, engine.DeletedNumber)},
			})
		}
	}
	return writes, nil
}

// configured returns the configuration as it is.
func (gs *Groups) configured() []Configured {
	gs.mu.RLock()
	defer gs.mu.RUnlock()
	all := make([]Configured, len(gs.order))
	for i, key := range gs.order {
		all[i] = gs.running[key].configured
	}
	return all
}

// store writes a configuration, together with what changes with it.
func (gs *Groups) store(ctx context.Context, by string, all []Configured, with ...engine.Write) error {
	data, err := encodeConfig(all, time.Now(), by)
	if err != nil {
		return err
	}
	writes := append([]engine.Write{{
		Stream: configStream, Expected: engine.Any, Events: []engine.Proposed{{ID: newID(), Type: configType, JSON: true, Data: data}},
	}}, with...)
	metadata, err := gs.api.Metadata(ctx, configStream)
	if err != nil {
		return err
	}
	if metadata.MaxCount == 0 {
		writes = append(writes, engine.Write{
			Stream: engine.MetastreamOf(configStream), Expected: engine.Any, Events: []engine.Proposed{metadataEvent(`{"$maxCount":%d}`, configMaxCount)},
		})
	}
	_, err = gs.api.AppendTogether(ctx, writes...)
	return err
}

// check refuses what makes no sense.
func check(key Key, s Settings) error {
	reason, kind := "", Failed
	switch {
	case key.Stream == "":
		reason = "a persistent subscription needs a stream"
	case !utf8.ValidString(key.Stream) || !utf8.ValidString(key.Group):
		reason = "names are UTF-8" // or the configuration could not hold them
	case key.Group == "":
		reason, kind = "the group has no name", Invalid
	case len(key.Group) > MaxNameBytes:
		reason = fmt.Sprintf("the name of a group has 1 to %d bytes", MaxNameBytes)
	case len(engine.MetastreamOf(key.checkpointStream())) > eventlog.MaxStreamBytes:
		reason = "the names of stream and group are too long together" // for those of the streams that keep its state
	case !s.Strategy.Valid():
		reason = fmt.Sprintf("Consumer strategy %.40s does not exist.", s.Strategy)
	case s.ReadBatch >= s.HistoryBuffer:
		reason, kind = "the history buffer must be larger than the read batch", Invalid
	case s.ReadBatch <= 0:
		reason, kind = "the read batch has at least 1 event", Invalid
	case s.LiveBuffer <= 0:
		reason, kind = "the live buffer has at least 1 event", Invalid
	case s.Filter != nil && key.Stream != AllStream:
		reason = "only a persistent subscription to $all can have a filter"
	default:
		return nil
	}
	return &Error{Kind: kind, Key: key, Reason: reason}
}
