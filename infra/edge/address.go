package edge

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

const (
	// maxHops bounds how many entries of X-Forwarded-For are looked at.
	maxHops = 16
	// networkBits is the part of an IPv6 address that belongs to one household
	// or host, which has all of its addresses.
	networkBits = 64
)

// address returns where a request comes from, for the limits: the peer, or, if
// that is a trusted proxy, the last address before the proxies we trust.
func (e *Edge) address(r *http.Request) string {
	peer, err := netip.ParseAddr(host(r.RemoteAddr))
	if err != nil {
		return "unknown"
	}
	if !e.trusts(peer) {
		return network(peer)
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i, hop := range slices.Backward(hops) {
		if len(hops)-i > maxHops {
			break
		}
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // written by an untrusted proxy; the sender is the last known address
		}
		peer = ip
		if !e.trusts(ip) {
			break
		}
	}
	return network(peer)
}

// network returns what limits go by: the address, or its IPv6 network.
func network(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() && !ip.IsLoopback() {
		if p, err := ip.Prefix(networkBits); err == nil {
			return p.String()
		}
	}
	return ip.String()
}

func (e *Edge) trusts(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(e.options.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// secured reports whether a request came by TLS.
func (e *Edge) secured(r *http.Request) bool {
	if r.TLS != nil || e.options.TLS {
		return true
	}
	if len(e.options.TrustedProxies) == 0 || !strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		return false
	}
	peer, err := netip.ParseAddr(host(r.RemoteAddr))
	return err == nil && e.trusts(peer)
}
