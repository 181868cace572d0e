package esdbserver

import "google.golang.org/grpc"

// registerPersistent adds the service of persistent subscriptions.
func (s *Server) registerPersistent(*grpc.Server) {}

// closePersistent ends what that service has running, before calls are drained.
func (s *Server) closePersistent() {}
