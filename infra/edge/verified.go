package edge

import (
	"crypto/sha256"
	"time"

	"github.com/maypok86/otter/v2"

	"orderflow/commands"
)

// maxVerified bounds the tokens that are known to be good. At half a kilobyte each
// that is 16 MiB.
const maxVerified = 32_768

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
type verified struct{ kept *otter.Cache[digest, known] }

func newVerified() verified {
	return verified{otter.Must(&otter.Options[digest, known]{MaximumSize: maxVerified})}
}

// find returns the caller of a token that is still good: it has not expired,
// and the key that signed it is still in the key set.
func (v verified) find(d digest, now time.Time, keys *keys) (commands.Caller, bool) {
	k, ok := v.kept.GetIfPresent(d)
	if !ok {
		return commands.Caller{}, false
	}
	if !now.Before(k.caller.Expires.Add(Leeway)) || !keys.has(k.key) {
		v.kept.Invalidate(d)
		return commands.Caller{}, false
	}
	return k.caller, true
}

func (v verified) keep(d digest, k known) { v.kept.Set(d, k) }
