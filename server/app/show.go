package app

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"github.com/musterhq/muster/server/admin"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// What operators are shown, in the shapes of package admin.

func (s *Server) showMembers(r *http.Request) (any, error) {
	st := s.raft.Cluster(r.Context())
	out := []admin.Member{} // JSON wants [] and not null
	for _, p := range s.members.list() {
		ip := p.member.Addr.Addr()
		m := admin.Member{
			ID: p.id(), HTTP: p.httpAddr(), GRPC: hostPort(ip, p.GRPC), Gossip: p.member.Addr.String(), Raft: p.raftAddr(),
			State: p.member.State.String(), Ready: p.Ready, Leaving: p.member.Leaving, Version: p.Version, Since: p.seen, Self: p.id() == s.id,
		}
		for _, c := range st.Servers {
			if c.ID != p.id() {
				continue
			}
			m.Lag, m.Reason, m.Disk, m.Role = c.Lag, c.Reason, c.Disk, "nonvoter"
			if c.Voter {
				m.Role = "voter"
			}
			if c.ID == st.Leader.ID {
				m.Role = "leader"
			}
		}
		out = append(out, m)
	}
	return out, nil
}

func (s *Server) showRaft(r *http.Request) (any, error) {
	st := s.raft.Cluster(r.Context())
	out := admin.Raft{
		Cluster: st.Cluster, Leader: st.Leader.ID, Term: st.Term, Commit: st.Commit, Applied: st.Applied, Snapshot: st.Snapshot,
		Asked: s.id, Ready: st.Ready, Reason: cmp.Or(st.Fault, st.NotReady), DiskErrors: st.DiskErrors, Servers: []admin.Server{},
	}
	addrs := make(map[string]string)
	for _, p := range s.members.list() {
		addrs[p.id()] = p.httpAddr()
	}
	for _, c := range st.Servers {
		out.Servers = append(out.Servers, admin.Server{
			ID: c.ID, Addr: c.Addr, HTTP: addrs[c.ID], Voter: c.Voter, Alive: c.Alive, Answered: c.Answered, State: c.State,
			Term: c.Term, Applied: c.Applied, Last: c.Last, Lag: c.Lag, Ready: c.Ready, Reason: c.Reason, Disk: c.Disk,
		})
	}
	return out, nil
}

// maxClients is how many clients are shown at a time.
const maxClients = 1000

func (s *Server) showClients(r *http.Request) (any, error) {
	after, limit := registry.ClientID(r.URL.Query().Get("after")), 100
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, codes.Invalid.With("limit is a number from 1, not " + text)
		}
		limit = min(n, maxClients)
	}
	ids := s.reg.Clients()
	from, found := slices.BinarySearch(ids, after)
	if found {
		from++
	}
	out := []admin.Registrant{} // JSON wants [] and not null
	for _, id := range ids[from:min(len(ids), from+limit)] {
		if sum, _, ok := s.reg.Client(id); ok { // it may be gone since
			out = append(out, registrant(sum))
		}
	}
	return out, nil
}

func (s *Server) showClient(r *http.Request) (any, error) {
	id := r.PathValue("id")
	sum, pubs, ok := s.reg.Client(registry.ClientID(id))
	if !ok {
		return nil, codes.NotFound.With("no client " + id)
	}
	c := registrant(sum)
	for _, p := range pubs {
		c.Published = append(c.Published, admin.Published{
			Namespace: p.Service.Namespace, Group: p.Service.Group, Service: p.Service.Name, Instances: len(p.Instances),
		})
	}
	return c, nil
}

func registrant(c registry.ClientSummary) admin.Registrant {
	kind := "http"
	switch {
	case !c.Ephemeral:
		kind = "persistent"
	case c.Connected:
		kind = "grpc"
	}
	return admin.Registrant{
		ID: string(c.ID), Server: c.Server, Kind: kind, Version: c.Info.Version, App: c.Info.App, IP: c.Info.IP, Port: c.Info.Port,
		Services: c.Services, Updated: c.Updated, Labels: c.Info.Labels,
	}
}
