package groups

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// The configuration of all groups is the newest event of one stream.
const (
	configStream  = "$persistentSubscriptionConfig"
	configType    = "$PersistentConfig"
	configVersion = "2"
	// configMaxCount is how many of its events are kept.
	configMaxCount = 2
)

// Configured is a group as it is stored.
type Configured struct {
	Key      Key
	Settings Settings
	// Begin is the place after which it starts to read, worked out when Start
	// was set: a start at the end is not where the end is after a restart.
	Begin Place
	// Beyond says that Begin was beyond the end of the stream when it was set:
	// then it wins over an older checkpoint, and what lies between is left out.
	Beyond bool
}

// storedConfig is EventStoreDB's form. Fields may be added and never change.
type storedConfig struct {
	Version   string        `json:"version"`
	Updated   time.Time     `json:"updated"`
	UpdatedBy string        `json:"updatedBy,omitempty"`
	Entries   []storedEntry `json:"entries"`
}

type storedEntry struct {
	Stream                string        `json:"stream"`
	Group                 string        `json:"group"`
	Filter                *storedFilter `json:"filter,omitempty"`
	ResolveLinkTos        bool          `json:"resolveLinkTos"`
	ExtraStatistics       bool          `json:"extraStatistics"`
	MessageTimeout        int64         `json:"messageTimeout"` // milliseconds
	StartFrom             int64         `json:"startFrom"`      // of version 1
	StartPosition         string        `json:"startPosition,omitempty"`
	LiveBufferSize        int           `json:"liveBufferSize"`
	HistoryBufferSize     int           `json:"historyBufferSize"`
	MaxRetryCount         int           `json:"maxRetryCount"`
	ReadBatchSize         int           `json:"readBatchSize"`
	PreferRoundRobin      bool          `json:"preferRoundRobin"` // of version 1
	CheckPointAfter       int64         `json:"checkPointAfter"`  // milliseconds
	MinCheckPointCount    int           `json:"minCheckPointCount"`
	MaxCheckPointCount    int           `json:"maxCheckPointCount"`
	MaxSubscriberCount    int           `json:"maxSubscriberCount"`
	NamedConsumerStrategy string        `json:"namedConsumerStrategy,omitempty"`

	// What EventStoreDB does not have.
	ResolvedStart *int64 `json:"resolvedStart,omitempty"`
	InvalidStart  string `json:"invalidStart,omitempty"`
	StartBeyond   bool   `json:"startBeyond,omitempty"`
}

// storedFilter is EventStoreDB's form, in which prefixes are one text with
// commas; prefixes that hold commas themselves are only in the list.
type storedFilter struct {
	Context     string   `json:"context"` // streamId or eventType
	Type        string   `json:"type"`    // regex or prefix
	Data        string   `json:"data"`
	IsAllStream bool     `json:"isAllStream"`
	Prefixes    []string `json:"prefixes,omitempty"`
}

func encodeConfig(groups []Configured, at time.Time, by string) ([]byte, error) {
	stored := storedConfig{Version: configVersion, Updated: at.UTC(), UpdatedBy: by, Entries: []storedEntry{}}
	for _, g := range groups {
		s, begin := g.Settings, int64(g.Begin)
		e := storedEntry{
			Stream: g.Key.Stream, Group: g.Key.Group, ResolveLinkTos: s.ResolveLinks, ExtraStatistics: s.ExtraStatistics,
			MessageTimeout: s.MessageTimeout.Milliseconds(), StartPosition: s.Start.Text(g.Key.Stream == AllStream), ResolvedStart: &begin, InvalidStart: s.Start.Invalid, StartBeyond: g.Beyond,
			LiveBufferSize: s.LiveBuffer, HistoryBufferSize: s.HistoryBuffer, ReadBatchSize: s.ReadBatch,
			MaxRetryCount: s.MaxRetries, PreferRoundRobin: s.Strategy == RoundRobin, NamedConsumerStrategy: string(s.Strategy),
			CheckPointAfter:    s.CheckpointAfter.Milliseconds(),
			MinCheckPointCount: s.MinCheckpoint, MaxCheckPointCount: s.MaxCheckpoint, MaxSubscriberCount: s.MaxClients,
		}
		if f := s.Filter; f != nil {
			e.Filter = &storedFilter{Context: "streamId", Type: "prefix", Data: strings.Join(f.Prefixes, ","), IsAllStream: true, Prefixes: f.Prefixes}
			if f.EventType {
				e.Filter.Context = "eventType"
			}
			if f.Regex != "" {
				e.Filter.Type, e.Filter.Data = "regex", f.Regex
			}
		}
		stored.Entries = append(stored.Entries, e)
	}
	return json.Marshal(stored)
}

// decodeConfig reads what [encodeConfig] and EventStoreDB write.
func decodeConfig(data []byte) ([]Configured, error) {
	var stored storedConfig
	if err := json.Unmarshal(data, &stored); err != nil {
		return nil, fmt.Errorf("the configuration of persistent subscriptions cannot be read: %w", err)
	}
	if stored.Version != "1" && stored.Version != configVersion {
		return nil, fmt.Errorf("the configuration of persistent subscriptions has the unknown version %.20q", stored.Version)
	}
	seen := map[Key]bool{}
	var groups []Configured
	for _, e := range stored.Entries {
		g, err := e.decode()
		if err == nil && seen[g.Key] {
			err = fmt.Errorf("it is there twice")
		}
		if err != nil {
			return nil, fmt.Errorf("the configuration of %.200q cannot be read: %w", g.Key.String(), err)
		}
		seen[g.Key] = true
		groups = append(groups, g)
	}
	return groups, nil
}

func (e *storedEntry) decode() (g Configured, err error) {
	g.Key = Key{e.Stream, e.Group}
	all := e.Stream == AllStream
	g.Settings = Settings{
		ResolveLinks: e.ResolveLinkTos, ExtraStatistics: e.ExtraStatistics,
		MessageTimeout: milliseconds(e.MessageTimeout), CheckpointAfter: milliseconds(e.CheckPointAfter),
		LiveBuffer: e.LiveBufferSize, HistoryBuffer: e.HistoryBufferSize, ReadBatch: e.ReadBatchSize,
		MaxRetries: e.MaxRetryCount, MinCheckpoint: e.MinCheckPointCount, MaxCheckpoint: e.MaxCheckPointCount, MaxClients: e.MaxSubscriberCount,
		Strategy: Strategy(e.NamedConsumerStrategy),
	}
	switch {
	case g.Settings.Strategy == "" && e.PreferRoundRobin:
		g.Settings.Strategy = RoundRobin
	case g.Settings.Strategy == "":
		g.Settings.Strategy = DispatchToSingle
	case !g.Settings.Strategy.Valid():
		return g, fmt.Errorf("there is no strategy %.40q", g.Settings.Strategy)
	}
	if e.StartPosition == "" && !all {
		e.StartPosition = Place(max(e.StartFrom, int64(Nowhere))).Text(false)
	}
	if g.Settings.Start, err = ParseStart(e.StartPosition, all); err != nil {
		return g, err
	}
	g.Settings.Start.Invalid, g.Beyond = e.InvalidStart, e.StartBeyond
	if g.Begin = g.Settings.Start.At - 1; e.ResolvedStart != nil {
		g.Begin = max(Place(*e.ResolvedStart), Nowhere)
	}
	if e.Filter != nil {
		g.Settings.Filter, err = e.Filter.decode()
	}
	return g, err
}

func (f *storedFilter) decode() (*Filter, error) {
	filter := &Filter{EventType: strings.EqualFold(f.Context, "eventType")}
	if !filter.EventType && !strings.EqualFold(f.Context, "streamId") {
		return nil, fmt.Errorf("a filter cannot be about %.40q", f.Context)
	}
	switch {
	case strings.EqualFold(f.Type, "regex"):
		filter.Regex = f.Data
	case !strings.EqualFold(f.Type, "prefix"):
		return nil, fmt.Errorf("there is no filter of type %.40q", f.Type)
	case len(f.Prefixes) > 0:
		filter.Prefixes = f.Prefixes
	default:
		filter.Prefixes = strings.Split(f.Data, ",")
	}
	return filter, nil
}

// milliseconds returns a duration of that many, within what a duration holds.
func milliseconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Millisecond)
	return time.Duration(max(0, min(n, most))) * time.Millisecond
}
