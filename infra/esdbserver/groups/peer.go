package groups

// Peer is who is behind a client, for those who ask about the group.
type Peer struct{ Address, User, Connection string }
