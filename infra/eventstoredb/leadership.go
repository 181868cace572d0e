package eventstoredb

import "slices"

// view is the gossip of one node.
type view struct {
	leaders []string // the addresses of those that lead and are alive
	members []string // of all that may lead
}

// leadership combines the views of several nodes.
type leadership struct {
	leader string   // "" if there is no leader
	named  []string // those that a majority calls leaders; more than one while the former one is still believed
}

// sameView returns the leader as soon as a majority of the members names it and no
// other. ok is false until then.
func sameView(views []view) (v leadership, ok bool) {
	votes := map[string]int{}
	for _, of := range views {
		if len(of.leaders) != 1 {
			continue
		}
		x := of.leaders[0]
		if votes[x]++; votes[x] >= majorityOf(views) {
			return leadership{leader: x, named: of.leaders}, true
		}
	}
	return leadership{}, false
}

// findLeader returns the leader once all nodes have answered or failed. ok is false if
// the views are inconclusive, as when too few nodes answered.
//
// Gossip has no number of the term. For a moment a majority may name two
// leaders, since a node that was deposed is believed until others hear of it.
// The newer one is the one that before did not name.
func findLeader(before leadership, views []view) (v leadership, ok bool) {
	if len(views) == 0 {
		return leadership{}, false
	}
	votes := map[string]int{}
	for _, of := range views {
		for _, x := range of.leaders {
			votes[x]++
		}
	}
	if len(votes) == 0 {
		return leadership{}, true
	}
	var newer []string
	for x, n := range votes {
		if n < majorityOf(views) {
			continue
		}
		v.named = append(v.named, x)
		if !slices.Contains(before.named, x) {
			newer = append(newer, x)
		}
	}
	slices.Sort(v.named)
	switch {
	case len(v.named) == 1:
		v.leader = v.named[0]
	case len(newer) == 1 && len(before.named) > 0:
		v.leader = newer[0]
	case len(newer) == 0 && slices.Contains(v.named, before.leader):
		v.leader = before.leader
	}
	return v, v.leader != ""
}

// majorityOf returns the number of nodes that an election takes, by the longest list of members.
func majorityOf(views []view) int {
	members := 0
	for _, of := range views {
		members = max(members, len(of.members))
	}
	return members/2 + 1
}
