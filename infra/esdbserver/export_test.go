package esdbserver

// PasswordsHashed returns how often the node has hashed a password to compare it:
// what finding out who calls costs.
func (s *Server) PasswordsHashed() uint64 { return s.users.hashed.Load() }
