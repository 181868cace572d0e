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

// MetastreamOf returns the stream that holds the metadata of a stream.
func MetastreamOf(stream string) string { return metaPrefix + stream }

// IsMetastream reports whether a stream holds the metadata of another.
func IsMetastream(stream string) bool { return strings.HasPrefix(stream, metaPrefix) }

// rootOf returns the stream that a metastream, or the metastream of one, is about.
func rootOf(stream string) string {
	for IsMetastream(stream) && len(stream) > len(metaPrefix) {
		stream = stream[len(metaPrefix):]
	}
	return stream
}

// ParseMetadata reads the data of a metadata event. If a member has the wrong
// form, none of them counts; a number that makes no sense counts as not set.
// Nothing is ever refused: so it is in EventStoreDB.
func ParseMetadata(data []byte) Metadata {
	none := Metadata{Raw: data}
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return none
	}
	numbers := map[string]int64{}
	for _, name := range []string{"$maxCount", "$maxAge", "$tb", "$cacheControl"} {
		if raw, given := fields[name]; given {
			n, ok := integer(raw)
			if !ok {
				return none
			}
			numbers[name] = n
		}
	}
	acl, ok := parseACL(fields["$acl"])
	if !ok {
		return none
	}
	return Metadata{
		Raw: data, ACL: acl, MaxCount: max(numbers["$maxCount"], 0), TruncateBefore: max(numbers["$tb"], 0),
		MaxAge: time.Duration(max(min(numbers["$maxAge"], maxAgeSeconds), 0)) * time.Second,
	}
}

func isNull(raw json.RawMessage) bool { return bytes.Equal(raw, []byte("null")) }

func integer(raw json.RawMessage) (n int64, ok bool) {
	return n, !isNull(raw) && json.Unmarshal(raw, &n) == nil
}

// parseACL reads an access control list; nil if there is none. ok is false if it
// has the wrong form.
func parseACL(raw json.RawMessage) (acl *ACL, ok bool) {
	if len(raw) == 0 {
		return nil, true
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return nil, false
	}
	acl = &ACL{}
	for name, of := range map[string]*[]string{
		"$r": &acl.Read, "$w": &acl.Write, "$d": &acl.Delete, "$mr": &acl.MetaRead, "$mw": &acl.MetaWrite,
	} {
		if raw, given := fields[name]; given {
			if *of, ok = names(raw); !ok {
				return nil, false
			}
		}
	}
	return acl, true
}

// names reads one name or a list of them.
func names(raw json.RawMessage) (list []string, ok bool) {
	var one string
	switch {
	case isNull(raw):
		return nil, false
	case json.Unmarshal(raw, &one) == nil:
		return []string{one}, true
	}
	list = []string{}
	return list, json.Unmarshal(raw, &list) == nil
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

// DefaultACLs are the rights of streams without a list of their own, from $settings.
type DefaultACLs struct {
	User, System *ACL // nil: as if nothing was set
}

// ParseSettings reads the data of an event of the stream $settings.
func ParseSettings(data []byte) DefaultACLs {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return DefaultACLs{}
	}
	user, ok := parseACL(fields["$userStreamAcl"])
	system, ok2 := parseACL(fields["$systemStreamAcl"])
	if !ok || !ok2 {
		return DefaultACLs{}
	}
	return DefaultACLs{User: user, System: system}
}
