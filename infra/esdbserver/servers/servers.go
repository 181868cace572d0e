// Package servers makes gRPC connections to the servers that a connection
// string of EventStoreDB names, with its TLS, login and password.
package servers

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"strings"

	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"orderflow/domain"
)

// Servers are those of one connection string.
type Servers struct {
	Addresses []string
	Login     string // "" for none
	Password  string

	insecure bool
	secure   *tls.Config
}

// Parse reads a connection string and connects to nothing. One that cannot be
// used is Invalid, and the error does not repeat it: it may hold the password.
func Parse(connection string) (*Servers, error) {
	config, err := esdb.ParseConnectionString(connection)
	if err == nil {
		err = config.Validate()
	}
	if err != nil {
		return nil, domain.Errorf(domain.Invalid, "The connection string cannot be used. Write it as esdb://admin:password@host:2113?tls=true, "+
			"with %%-escapes for signs other than letters and digits in the password; a file of tlsCaFile has to be readable.")
	}
	s := &Servers{Addresses: []string{config.Address}, Login: config.Username, Password: config.Password, insecure: config.DisableTLS}
	if len(config.GossipSeeds) > 0 {
		s.Addresses = nil
		for _, seed := range config.GossipSeeds {
			s.Addresses = append(s.Addresses, seed.String())
		}
	}
	if s.insecure {
		return s, nil
	}
	s.secure = &tls.Config{RootCAs: config.RootCAs, InsecureSkipVerify: config.SkipCertificateVerification, MinVersion: tls.VersionTLS12} //nolint:gosec // the string says so
	if config.UserCertFile != "" {
		pair, err := tls.LoadX509KeyPair(config.UserCertFile, config.UserKeyFile)
		if err != nil {
			return nil, domain.Wrap(domain.Invalid, err, "The certificate of userCertFile and userKeyFile cannot be read")
		}
		s.secure.Certificates = []tls.Certificate{pair}
	}
	return s, nil
}

// Name returns where the servers are, without secrets.
func (s *Servers) Name() string { return strings.Join(s.Addresses, ",") }

// Insecure reports whether there is no TLS, and so no login either.
func (s *Servers) Insecure() bool { return s.insecure }

// Dial returns a connection to one server, as the user of the connection
// string. It connects when it is first used.
func (s *Servers) Dial(address string) (*grpc.ClientConn, error) {
	return s.DialAs(address, s.Login, s.Password)
}

// DialAs is Dial as another user. Without TLS no login is sent.
func (s *Servers) DialAs(address, login, password string) (*grpc.ClientConn, error) {
	how := insecure.NewCredentials()
	if !s.insecure {
		how = credentials.NewTLS(s.secure)
	}
	options := []grpc.DialOption{grpc.WithTransportCredentials(how)}
	if login != "" && !s.insecure { // never in the clear
		options = append(options, grpc.WithPerRPCCredentials(basic(login+":"+password)))
	}
	conn, err := grpc.NewClient(address, options...)
	if err != nil {
		return nil, domain.Wrap(domain.Invalid, err, "The event store at %s cannot be asked", address)
	}
	return conn, nil
}

// basic sends a login and a password with every call, over TLS only.
type basic string

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b basic) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Basic " + base64.StdEncoding.EncodeToString([]byte(b))}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (basic) RequireTransportSecurity() bool { return true }
