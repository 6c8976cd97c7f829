package consensus

import (
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// A view in short: "a*:1 b:2 c-:3" are the configured servers with addresses, *
// leads and - has no vote.
func viewOf(servers, alive, ready, willing, dead string) view {
	v := view{
		silence: map[string]time.Duration{}, ready: map[string]bool{}, willing: map[string]bool{},
		deadAfter: time.Minute, maxVoters: 5,
	}
	for _, s := range strings.Fields(servers) {
		id, addr, _ := strings.Cut(s, ":")
		voter := raft.Voter
		if strings.HasSuffix(id, "-") {
			voter = raft.Nonvoter
		}
		if strings.HasSuffix(id, "*") {
			v.self = id[:1]
		}
		v.servers = append(v.servers, raft.Server{ID: raft.ServerID(id[:1]), Address: engineAddr(Server{id[:1], addr}), Suffrage: voter})
	}
	for _, s := range strings.Fields(alive) {
		id, addr, _ := strings.Cut(s, ":")
		v.alive = append(v.alive, Server{id, addr})
	}
	for _, id := range strings.Fields(ready) {
		v.ready[id] = true
	}
	for _, id := range strings.Fields(willing) {
		v.willing[id] = true
	}
	for _, id := range strings.Fields(dead) {
		v.silence[id] = 2 * time.Minute
	}
	return v
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name                                 string
		servers, alive, ready, willing, dead string
		min                                  int
		want                                 string
	}{
		{"all is well", "a*:1 b:2 c:3", "a:1 b:2 c:3", "", "", "", 0, ""},
		{"a new server is added", "a*:1 b:2 c:3", "a:1 b:2 c:3 d:4", "", "d", "", 0, "add d (4)"},
		{"one of another cluster is not", "a*:1", "a:1 d:4", "", "", "", 0, ""},
		{"a vote before a server", "a*:1 b:2 c-:3", "a:1 b:9 c:3 d:4", "c", "d", "", 0, "promote c (3)"},
		{"one that moved is where it is", "a*:1 b:2", "a:1 b:9", "", "", "", 0, ""},
		{"one that has caught up gets a vote", "a*:1 b-:2", "a:1 b:2", "b", "", "", 0, "promote b (2)"},
		{"one that has not does not", "a*:1 b-:2", "a:1 b:2", "", "", "", 0, ""},
		{"nor one that is gone", "a*:1 b-:2", "a:1", "b", "", "", 0, ""},
		{"nor a sixth", "a*:1 b:2 c:3 d:4 e:5 f-:6", "a:1 b:2 c:3 d:4 e:5 f:6", "f", "", "", 0, ""},
		{"a dead one of three", "a*:1 b:2 c:3", "a:1 b:2", "", "", "c", 0, "remove c (3)"},
		{"unless three are wanted", "a*:1 b:2 c:3", "a:1 b:2", "", "", "c", 3, ""},
		{"a replaced one", "a*:1 b:2 c:3 d:4", "a:1 b:2 d:4", "", "", "c", 3, "remove c (3)"},
		{"a new one on a dead one's address", "a*:1 b:2 c:3", "a:1 c:3 d:2", "", "d", "", 3, "add d (2)"},
		{"replaces it", "a*:1 b:2 c:3 d-:2", "a:1 c:3 d:2", "", "", "", 3, "remove b (2)"},
		{"but not without a majority", "a*:1 b:2 c:3 d-:2", "a:1 d:2", "", "", "", 0, ""},
		{"nor when that is alive elsewhere", "a*:1 b:2 c:3 d-:2", "a:1 b:9 c:3 d:2", "", "", "", 0, ""},
		{"not long enough", "a*:1 b:2 c:3", "a:1 b:2", "", "", "", 0, ""},
		{"not alive enough", "a*:1 b:2 c:3", "a:1", "", "", "b c", 0, ""},
		{"a dead one of two", "a*:1 b:2", "a:1", "", "", "b", 0, ""},
		{"two dead of five, one at a time", "a*:1 b:2 c:3 d:4 e:5", "a:1 b:2 c:3", "", "", "d e", 0, "remove d (4)"},
		{"three dead of five", "a*:1 b:2 c:3 d:4 e:5", "a:1 b:2", "", "", "c d e", 0, ""},
		{"a dead one without a vote", "a*:1 b:2 c-:3", "a:1", "", "", "c", 0, "remove c (3)"},
		{"never the leader", "a*:1 b:2 c:3", "b:2 c:3", "", "", "a", 0, ""},
	} {
		v := viewOf(c.servers, c.alive, c.ready, c.willing, c.dead)
		v.minVoters = c.min
		got := ""
		if ch, ok := v.next(); ok {
			got = ch.String()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	v := viewOf("a*:1 b:2 c:3", "a:1 b:2", "", "", "c")
	v.deadAfter = -1
	if ch, ok := v.next(); ok {
		t.Errorf("removal is off: %v", ch)
	}
}
