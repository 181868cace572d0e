package edge

import (
	"crypto/sha256"
	"sync"
	"time"

	"orderflow/commands"
)

const (
	// verifiedShards keeps requests with different tokens out of each other's way.
	verifiedShards = 16
	// maxVerified bounds the tokens that are known to be good, all shards
	// together. At half a kilobyte each that is 16 MiB.
	maxVerified = 32_768
)

// digest is a token's digest: tokens themselves are not kept.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// known is a token that was verified before.
type known struct {
	caller commands.Caller
	key    *key
}

// verified remembers good tokens until they expire, because looking at a
// signature costs more than all else an edge does. Bad ones are never kept.
// The zero value is ready.
type verified struct {
	shards [verifiedShards]struct {
		mu   sync.Mutex
		kept map[digest]known
	}
}

// find returns the caller of a token that is still good: it has not expired,
// and the key that signed it is still in the key set.
func (v *verified) find(d digest, now time.Time, keys *keys) (commands.Caller, bool) {
	s := &v.shards[d[0]%verifiedShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[d]
	if !ok {
		return commands.Caller{}, false
	}
	if !now.Before(k.caller.Expires.Add(Leeway)) || !keys.has(k.key) {
		delete(s.kept, d)
		return commands.Caller{}, false
	}
	return k.caller, true
}

func (v *verified) keep(d digest, k known) {
	s := &v.shards[d[0]%verifiedShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept == nil {
		s.kept = map[digest]known{}
	}
	for other := range s.kept { // in no order, which is as good as any
		if len(s.kept) < maxVerified/verifiedShards {
			break
		}
		delete(s.kept, other)
	}
	s.kept[d] = k
}
