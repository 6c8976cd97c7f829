package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/httpapi"
	"github.com/musterhq/muster/server/registry"
)

// cluster is what the HTTP door tells of the servers.
type cluster struct {
	s *Server

	mu     sync.Mutex
	known  consensus.Status // what all servers said when last asked
	asked  time.Time
	asking bool
}

var _ httpapi.Cluster = (*cluster)(nil)

// askEvery is how old what is shown of other servers may be.
const askEvery = time.Second

// tooOld is from when on it is worth less than nothing: nobody had looked.
const tooOld = 5 * time.Second

// raft returns what the servers say of Raft. It does not wait for any: it has
// them asked, and returns what they said before.
func (c *cluster) raft() consensus.Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.asked) >= askEvery && !c.asking {
		c.asking = true
		go func() { // ends within a second, by itself
			st := c.s.raft.Cluster(context.Background())
			c.mu.Lock()
			defer c.mu.Unlock()
			c.known, c.asked, c.asking = st, time.Now(), false
		}()
	}
	if now.Sub(c.asked) > tooOld {
		return c.s.raft.Status()
	}
	return c.known
}

// What the member list says of a server's part in Raft, beside LEADER, FOLLOWER,
// CANDIDATE and SHUTDOWN.
const (
	raftUnknown = "UNKNOWN" // it has not answered
	raftOutside = "OUTSIDE" // it has not been taken in
)

// raftState is what another server said of itself. Who leads is known better by
// now: the answer may be a second old.
func raftState(m consensus.Member) string {
	switch state := strings.ToUpper(m.State); {
	case !m.Answered:
		return raftUnknown
	case state == "LEADER":
		return "FOLLOWER"
	default:
		return state
	}
}

// Members returns the servers, this one first.
func (c *cluster) Members() []httpapi.Member {
	st := c.raft()
	own := c.s.raft.Status()
	addrs := make(map[string]string) // of HTTP, by id
	peers := c.s.members.list()
	for _, p := range peers {
		addrs[p.id()] = p.httpAddr()
	}
	shared := httpapi.Raft{Leader: addrs[own.Leader.ID]}
	for _, m := range own.Servers {
		if addr := addrs[m.ID]; addr != "" {
			shared.Peers = append(shared.Peers, addr)
		}
	}
	var out []httpapi.Member
	for _, p := range peers {
		m := httpapi.Member{
			ID: p.id(), IP: p.member.Addr.Addr().String(), Port: p.HTTP, State: state(p), Version: p.Version,
			RaftPort: p.Raft, Refreshed: p.seen, Raft: shared,
		}
		m.Raft.State = raftOutside
		for _, r := range st.Servers {
			if r.ID == p.id() {
				m.Raft.State = raftState(r)
				m.Raft.Term, m.Raft.Index, m.Raft.Applied, m.Raft.LagEntries = r.Term, r.Last, r.Applied, r.Lag
				if r.Disk != "" {
					m.Raft.DiskErrors = 1
				}
			}
		}
		if p.id() == own.Leader.ID {
			m.Raft.State = "LEADER"
		}
		if p.id() == c.s.id {
			m.Raft.State = strings.ToUpper(own.State)
			m.Raft.Term, m.Raft.Index, m.Raft.Applied, m.Raft.DiskErrors = own.Term, own.Last, own.Applied, own.DiskErrors
			out = append([]httpapi.Member{m}, out...)
			continue
		}
		out = append(out, m)
	}
	if len(out) == 0 || out[0].ID != c.s.id { // before gossip has told of this one
		ip, port := c.s.ip(), portOf(c.s.httpListener)
		out = append([]httpapi.Member{{ID: c.s.id, IP: ip.String(), Port: port, State: "STARTING", Version: c.s.opts.Version, Raft: shared}}, out...)
	}
	return out
}

// state is a server's in Nacos' words.
func state(p *peer) string {
	switch {
	case p.member.State == muster.Suspect:
		return "SUSPICIOUS"
	case !p.here():
		return "DOWN"
	case !p.Ready:
		return "STARTING"
	}
	return "UP"
}

// Responsible returns the address of the server an HTTP client belongs to.
func (c *cluster) Responsible(id registry.ClientID) string {
	if p := c.s.router.responsible(id); p != nil {
		return p.httpAddr()
	}
	return c.s.Addrs().HTTP
}

// RaftCommand does what an operator asks of Raft, in Nacos' words for it.
func (c *cluster) RaftCommand(ctx context.Context, command, value string) error {
	switch command {
	case "transferLeader":
		id, err := c.find(value)
		if err != nil {
			return err
		}
		return c.s.raft.TransferLeadership(ctx, id)
	case "removePeer":
		id, err := c.find(value)
		if err != nil {
			return err
		}
		return c.s.raft.RemoveServer(ctx, id)
	case "doSnapshot":
		return c.s.raft.Snapshot(ctx)
	case "resetRaftCluster", "removePeers", "changePeers", "resetPeers":
		return codes.Unimplemented.With(command + `: servers follow the members; to go on without a majority there is "muster raft recover"`)
	}
	return codes.Invalid.With("unknown command " + command)
}

// find returns the id of a server that is given by its id, the beginning of it,
// or one of its addresses.
func (c *cluster) find(who string) (string, error) {
	if who == "" {
		return "", nil
	}
	found := ""
	see := func(id string, addrs ...string) error {
		hit := id == who || len(who) >= 4 && len(id) > len(who) && id[:len(who)] == who
		for _, a := range addrs {
			hit = hit || a == who
		}
		if !hit || found == id {
			return nil
		}
		if found != "" {
			return codes.Invalid.With(fmt.Sprintf("%q may be server %s or %s", who, found, id))
		}
		found = id
		return nil
	}
	for _, p := range c.s.members.list() {
		if err := see(p.id(), p.httpAddr(), p.raftAddr(), p.member.Addr.String()); err != nil {
			return "", err
		}
	}
	for _, m := range c.s.raft.Status().Servers {
		if err := see(m.ID, m.Addr); err != nil {
			return "", err
		}
	}
	if found == "" {
		return "", codes.NotFound.With(fmt.Sprintf("no server %q", who))
	}
	return found, nil
}

// topicLoad asks a server how many connections it holds, and topicReload to
// have clients move until so many are left.
const (
	topicLoad   = "muster/load"
	topicReload = "muster/reload"
)

func (s *Server) answerLoad(context.Context, muster.Message) ([]byte, error) {
	return json.Marshal(len(s.grpc.Connections()))
}

func (s *Server) answerReload(_ context.Context, m muster.Message) ([]byte, error) {
	var keep int
	if err := json.Unmarshal(m.Payload, &keep); err != nil || keep < 0 {
		return nil, fmt.Errorf("malformed: keep %d: %w", keep, err)
	}
	return nil, s.grpc.Reload(keep, "")
}

// Loads returns how many connections each server holds, as far as it answers.
func (c *cluster) Loads(ctx context.Context) map[string]int {
	loads := make(map[string]int)
	for _, p := range c.loads(ctx) {
		loads[p.addr] = p.connections
	}
	return loads
}

type loadOf struct {
	id, addr    string
	connections int
}

func (c *cluster) loads(ctx context.Context) (out []loadOf) {
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, p := range c.s.members.list() {
		if !p.here() {
			continue
		}
		if p.id() == c.s.id {
			mu.Lock()
			out = append(out, loadOf{p.id(), p.httpAddr(), len(c.s.grpc.Connections())})
			mu.Unlock()
			continue
		}
		wg.Go(func() {
			b, err := c.s.node.Request(ctx, p.id(), topicLoad, nil)
			l := loadOf{id: p.id(), addr: p.httpAddr()}
			if err == nil {
				err = json.Unmarshal(b, &l.connections)
			}
			if err != nil {
				c.s.log.Debug("asking a server for its load", "server", p.id(), "err", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			out = append(out, l)
		})
	}
	wg.Wait()
	return out
}

// Rebalance has clients move from servers that hold more than the average by
// more than the factor.
func (c *cluster) Rebalance(ctx context.Context, factor float64) error {
	loads := c.loads(ctx)
	total := 0
	for _, l := range loads {
		total += l.connections
	}
	if len(loads) == 0 {
		return nil
	}
	average := (total + len(loads) - 1) / len(loads)
	for _, l := range loads {
		if float64(l.connections) <= float64(average)*(1+factor) {
			continue
		}
		if l.id == c.s.id {
			if err := c.s.grpc.Reload(average, ""); err != nil {
				return err
			}
			continue
		}
		b, err := json.Marshal(average)
		if err != nil {
			return err
		}
		if _, err := c.s.node.Request(ctx, l.id, topicReload, b); err != nil {
			return fmt.Errorf("asking server %s: %w", l.id, err)
		}
	}
	return nil
}
