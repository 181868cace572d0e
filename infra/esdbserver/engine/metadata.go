package engine

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// The names that the protocol gives to streams and events of the system.
const (
	metaPrefix   = "$$"
	MetadataType = "$metadata"
	LinkType     = "$>"

	// SettingsStream holds the default access control lists.
	SettingsStream = "$settings"
)

// maxAgeSeconds bounds $maxAge to what a duration holds.
const maxAgeSeconds = int64(math.MaxInt64 / time.Second)

// MetastreamOf is the stream that holds the metadata of a stream.
func MetastreamOf(stream string) string { return metaPrefix + stream }

// IsMetastream says whether a stream holds the metadata of another.
func IsMetastream(stream string) bool { return strings.HasPrefix(stream, metaPrefix) }

// rootOf is the stream that a metastream, or the metastream of one, is about.
func rootOf(stream string) string {
	for IsMetastream(stream) && len(stream) > len(metaPrefix) {
		stream = stream[len(metaPrefix):]
	}
	return stream
}

// ParseMetadata reads the data of a metadata event. What makes no sense counts
// as not set, and is never refused: so it is in EventStoreDB.
func ParseMetadata(data []byte) Metadata {
	m := Metadata{Raw: data}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return m
	}
	if n, ok := integer(fields["$maxCount"]); ok && n > 0 {
		m.MaxCount = n
	}
	if n, ok := integer(fields["$maxAge"]); ok && n > 0 {
		m.MaxAge = time.Duration(min(n, maxAgeSeconds)) * time.Second
	}
	if n, ok := integer(fields["$tb"]); ok && n >= 0 {
		m.TruncateBefore = n
	}
	m.ACL = parseACL(fields["$acl"])
	return m
}

func integer(raw json.RawMessage) (n int64, ok bool) {
	return n, len(raw) > 0 && !bytes.Equal(raw, []byte("null")) && json.Unmarshal(raw, &n) == nil
}

// parseACL reads an access control list; nil if there is none.
func parseACL(raw json.RawMessage) *ACL {
	var fields map[string]json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil
	}
	return &ACL{
		Read: names(fields["$r"]), Write: names(fields["$w"]), Delete: names(fields["$d"]),
		MetaRead: names(fields["$mr"]), MetaWrite: names(fields["$mw"]),
	}
}

// names reads one name or a list of them; nil says that nothing is set.
func names(raw json.RawMessage) []string {
	var one string
	if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
		return nil
	}
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	list := []string{}
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// withTruncateBefore returns metadata with another $tb and everything else as it was.
func withTruncateBefore(data []byte, number int64) []byte {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(data, &fields) != nil || fields == nil {
		fields = map[string]json.RawMessage{}
	}
	raw, err := json.Marshal(number)
	if err != nil {
		return data // a number can always be written
	}
	fields["$tb"] = raw
	if raw, err = json.Marshal(fields); err != nil {
		return data // what was read can be written
	}
	return raw
}

// DefaultACLs are what $settings says of streams without a list of their own.
type DefaultACLs struct {
	User, System *ACL // nil: as if nothing was set
}

// ParseSettings reads the data of an event of the stream $settings.
func ParseSettings(data []byte) DefaultACLs {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return DefaultACLs{}
	}
	return DefaultACLs{User: parseACL(fields["$userStreamAcl"]), System: parseACL(fields["$systemStreamAcl"])}
}
