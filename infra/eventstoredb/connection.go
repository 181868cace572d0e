package eventstoredb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"

	"orderflow/domain"
)

// settings returns the settings of a connection string.
func settings() []string {
	return []string{
		"tls", "tlscafile", "tlsverifycert", "usercertfile", "userkeyfile", "keepaliveinterval", "keepalivetimeout",
		"gossiptimeout", "maxdiscoverattempts", "discoveryinterval", "nodepreference", "defaultdeadline",
	}
}

// parse reads a connection string. Its errors never hold any part of it but
// names of settings and of certificate files: there is a password in it.
func parse(connection string, logger *slog.Logger) (esdb.Configuration, error) {
	invalid := func(text string) (esdb.Configuration, error) {
		return esdb.Configuration{}, domain.Errorf(domain.Invalid,
			"The connection string of EventStoreDB cannot be used: %s. Write it as esdb://user:password@host:2113?tls=true, "+
				"with %%-escapes for signs other than letters and digits in the password.", text)
	}
	_, query, _ := strings.Cut(connection, "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return invalid("what follows the question mark is no list of settings")
	}
	for name := range given {
		if !slices.Contains(settings(), strings.ToLower(name)) {
			return invalid(fmt.Sprintf("there is no setting %.40q", name))
		}
	}
	parsed, err := esdb.ParseConnectionString(connection)
	if err != nil {
		if file, ok := errors.AsType[*fs.PathError](err); ok {
			return invalid("the file " + file.Path + " of tlsCaFile cannot be read")
		}
		return invalid("its scheme, host, port or a setting is wrong")
	}
	if !portsExist(connection) {
		return invalid("a port is not between 1 and 65535")
	}
	c := *parsed
	if err := c.Validate(); err != nil {
		return invalid("userCertFile and userKeyFile belong together")
	}
	if c.DisableTLS && c.Password != "" {
		logger.Warn("without TLS the credentials in the connection string are not sent")
	}
	// What an append answered must be visible to the next reader: only the leader promises that.
	c.NodePreference = esdb.NodePreferenceLeader
	c.MaxDiscoverAttempts = min(max(c.MaxDiscoverAttempts, 1), maxDiscoveryRounds)
	c.GossipTimeout = min(max(c.GossipTimeout, 1), maxGossipSeconds)
	c.DiscoveryInterval = min(max(c.DiscoveryInterval, 0), maxDiscoveryPauseMillis)
	if c.KeepAliveInterval < 0 { // a connection that died without a word would never be noticed
		c.KeepAliveInterval = keepAlive
	}
	if c.KeepAliveTimeout <= 0 {
		c.KeepAliveTimeout = keepAlive
	}
	c.Logger = librarySays(logger)
	return c, nil
}

// portsExist reports whether every port of a connection string that the library
// took is one: it keeps of any number what fits into 16 bits.
func portsExist(connection string) bool {
	hosts, _, _ := strings.Cut(connection, "?")
	_, hosts, _ = strings.Cut(hosts, "://")
	hosts = hosts[strings.LastIndex(hosts, "@")+1:]
	for host := range strings.FieldsFuncSeq(hosts, func(r rune) bool { return r == ',' || r == '/' }) {
		_, port, given := strings.Cut(host, ":")
		if n, err := strconv.ParseUint(port, 10, 16); given && (err != nil || n == 0) {
			return false
		}
	}
	return true
}

// librarySays passes on what the library logs. It calls everything an error
// that a caller is told of anyway.
func librarySays(logger *slog.Logger) esdb.LoggingFunc {
	return func(_ esdb.LogLevel, format string, args ...any) {
		if logger.Enabled(context.Background(), slog.LevelDebug) {
			logger.Debug("eventstoredb client", "says", fmt.Sprintf(format, args...))
		}
	}
}

// nameOf returns where c leads, without secrets.
func nameOf(c esdb.Configuration) string {
	hosts := c.Address
	if len(c.GossipSeeds) > 0 {
		all := make([]string, len(c.GossipSeeds))
		for i, seed := range c.GossipSeeds {
			all[i] = seed.String()
		}
		hosts = strings.Join(all, ",")
	}
	if c.DisableTLS {
		return hosts + " without TLS"
	}
	return hosts
}
