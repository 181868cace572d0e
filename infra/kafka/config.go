package kafka

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"

	"orderflow/internal/backoff"
)

// The topics; [Config.Prefix] goes before each.
const (
	// EventsTopic holds every event of the domain, as CloudEvents in binary mode.
	EventsTopic = "orderflow.events"
	// RetryTopic holds the orders whose payment could not be settled at once.
	RetryTopic = "payment.retry.queue"
	// PoisonTopic holds what could not be read or handled.
	PoisonTopic = "orderflow.poison"
)

// RetryGroup is the group that reads [RetryTopic]; its lag is the queue's depth.
const RetryGroup = "orderflow.retry"

// Config has the brokers' addresses and the settings of topics. Zero means the
// default; Brokers must be given.
type Config struct {
	Brokers        []string // host:port
	ClientID       string   // in the brokers' logs and quotas; default "orderflow"
	Prefix         string   // before every topic and group, where installations share brokers
	TLS            *tls.Config
	Dialer         Dialer        // instead of the network itself, such as a SOCKS proxy
	Partitions     int32         // of topics that are made; default 8. Changing it later moves keys to other partitions.
	Replication    int16         // of topics that are made; default 1: a fleet sets 3
	Retention      time.Duration // of topics that are made; default 24 h
	SessionTimeout time.Duration // default 10 s
	Observer       Observer
	Logger         *slog.Logger
}

// Dialer makes connections.
type Dialer interface {
	Dial(network, address string) (net.Conn, error)
}

// Observer is told what happens, on the goroutine that does it: it must be
// quick. Any of its functions may be nil.
type Observer struct {
	Published    func(topic string, err error)        // a message was acknowledged, or given up
	Handled      func(group string, err error)        // a message went through its handler, tries included
	DeadLettered func(group, reason string)           // a message was dead-lettered; reason is a [Reason], one of few
	GroupError   func(group string, err error)        // the brokers ended or refused a session; a pause follows
	RelayError   func(err error)                      // the relay begins again from its checkpoint after a pause
	Relayed      func(position int64, behind float64) // acknowledged up to position; behind is the age of its event, in seconds
}

func (c Config) withDefaults() Config {
	c.ClientID = cmp.Or(c.ClientID, "orderflow")
	c.Partitions = cmp.Or(c.Partitions, DefaultPartitions)
	c.Replication = cmp.Or(c.Replication, 1)
	c.Retention = cmp.Or(c.Retention, DefaultRetention)
	c.SessionTimeout = cmp.Or(c.SessionTimeout, SessionTimeout)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	o := &c.Observer
	o.Published, o.Handled = orNothing(o.Published), orNothing(o.Handled)
	o.DeadLettered, o.GroupError = orNothing(o.DeadLettered), orNothing(o.GroupError)
	if o.RelayError == nil {
		o.RelayError = func(error) {}
	}
	if o.Relayed == nil {
		o.Relayed = func(int64, float64) {}
	}
	return c
}

func orNothing[A, B any](f func(A, B)) func(A, B) {
	if f == nil {
		return func(A, B) {}
	}
	return f
}

// Kafka is a connection to brokers that is made when it is needed, and again
// after it broke. It is safe for concurrent use.
type Kafka struct {
	config Config

	made      sync.Mutex // guards topics
	topics    bool       // they were seen or made
	mu        sync.Mutex
	publisher *Publisher // shared by all that publish
}

// New returns a client; it connects with the first call.
func New(c Config) *Kafka { return &Kafka{config: c.withDefaults()} }

// Close ends what all share. Whatever runs must have ended before.
func (k *Kafka) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.publisher == nil {
		return nil
	}
	p := k.publisher
	k.publisher = nil
	return p.Close()
}

// Topic returns the full name of a topic.
func (k *Kafka) Topic(name string) string { return k.config.Prefix + name }

// Group returns the full name of a group.
func (k *Kafka) Group(name string) string { return k.config.Prefix + name }

// Publisher returns what publishes to these brokers; Close ends it.
func (k *Kafka) Publisher() *Publisher {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.publisher == nil {
		k.publisher = newPublisher(k)
	}
	return k.publisher
}

func (k *Kafka) log() watermill.LoggerAdapter { return quiet{watermill.NewSlogLogger(k.config.Logger)} }

// quiet keeps a router's every start and end out of the log of the operator.
type quiet struct{ watermill.LoggerAdapter }

func (q quiet) Info(msg string, fields watermill.LogFields) { q.Debug(msg, fields) }

func (q quiet) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return quiet{q.LoggerAdapter.With(fields)}
}

// sarama returns the library's configuration, common to all that is done.
func (k *Kafka) sarama() *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V3_6_0_0 // the protocol; brokers of 2.1 and newer speak it
	c.ClientID = k.config.ClientID
	c.Net.TLS.Enable, c.Net.TLS.Config = k.config.TLS != nil, k.config.TLS
	c.Net.Proxy.Enable, c.Net.Proxy.Dialer = k.config.Dialer != nil, k.config.Dialer
	c.Net.DialTimeout, c.Net.ReadTimeout, c.Net.WriteTimeout = QueryTimeout, 3*QueryTimeout, 3*QueryTimeout
	c.Metadata.Retry.Max, c.Metadata.Retry.Backoff = 3, FirstPause
	c.Metadata.AllowAutoTopicCreation = false
	return c
}

// newBackoff returns the waits after failures in a row, from FirstPause to LastPause.
func newBackoff() *backoff.Sequence {
	return backoff.Policy{First: FirstPause, Last: LastPause}.Sequence()
}
