package main

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

// member is one row of GET /v1/members.
type member struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	State       string `json:"state"`
	Incarnation uint32 `json:"incarnation"` // memberlist does not tell; always 0
	Meta        string `json:"meta"`
}

// event is one line of GET /v1/events.
type event struct {
	Time   time.Time `json:"time"`
	Kind   string    `json:"kind"` // join, update, leave
	Member member    `json:"member"`
}

// memberTable remembers what memberlist's events said, because memberlist
// itself lists only the members that are up. It cannot tell a leave from a
// death (Node.State is never set), so whoever is gone is dead.
type memberTable struct {
	events *feed[event]

	mu   sync.Mutex
	self string
	rows map[string]member
}

func newMemberTable() *memberTable {
	return &memberTable{events: newFeed[event](), rows: map[string]member{}}
}

// setSelf names the one member whose departure is known to be a leave.
func (t *memberTable) setSelf(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.self = name
}

func (t *memberTable) NotifyJoin(n *memberlist.Node)   { t.record("join", "alive", n) }
func (t *memberTable) NotifyUpdate(n *memberlist.Node) { t.record("update", "alive", n) }
func (t *memberTable) NotifyLeave(n *memberlist.Node)  { t.record("leave", "dead", n) }

// record copies the node: memberlist goes on changing it after the callback.
func (t *memberTable) record(kind, state string, n *memberlist.Node) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kind == "leave" && n.Name == t.self {
		state = "left"
	}
	row := member{
		Name:  n.Name,
		Addr:  net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port))),
		State: state,
		Meta:  string(n.Meta),
	}
	t.rows[n.Name] = row
	t.events.add(event{Time: time.Now(), Kind: kind, Member: row})
}

// snapshot returns the rows sorted by name.
func (t *memberTable) snapshot() []member {
	t.mu.Lock()
	defer t.mu.Unlock()
	rows := make([]member, 0, len(t.rows))
	for _, row := range t.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b member) int { return strings.Compare(a.Name, b.Name) })
	return rows
}
