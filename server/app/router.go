package app

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/bits"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/registry"
)

// topicHTTP is where a server takes in requests of HTTP clients that another
// one was asked.
const topicHTTP = "muster/http"

// forwardWithin bounds how long another server may take.
const forwardWithin = 5 * time.Second

// A router finds the server that an HTTP client belongs to. Such a client has
// no connection that would say so, and beats now here and now there; but one
// server has to count its beats. It is the one for which a hash of its name and
// the client's is highest (Thaler, Ravishankar, 1998): when a server comes or
// goes, only its own clients move.
type router struct {
	s       *Server
	inner   http.Handler // answers what another server was asked, and passes nothing on
	servers atomic.Pointer[[]*peer]

	forwarded, failed, taken, adopted atomic.Uint64
	work                              sync.WaitGroup
}

// update takes in which servers there are. Those that are not ready, or about
// to leave, are given no clients.
func (r *router) update(all []*peer) {
	var able []*peer
	for _, p := range all {
		if p.here() && p.Ready && !p.member.Leaving {
			able = append(able, p)
		}
	}
	r.servers.Store(&able)
}

// responsible returns the server that a client belongs to, nil if there is none.
func (r *router) responsible(id registry.ClientID) *peer {
	servers := r.servers.Load()
	if servers == nil {
		return nil
	}
	var best *peer
	var most uint64
	for _, p := range *servers {
		if w := weight(id, p.id()); best == nil || w > most {
			best, most = p, w
		}
	}
	return best
}

// weight must be the same on every server, now and in later versions.
func weight(id registry.ClientID, server string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(server)) // a hash takes everything
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(id))
	w := h.Sum64() // whose high bits depend little on the last bytes
	w ^= w >> 32
	w *= 0xd6e8feb86659fd93
	hi, lo := bits.Mul64(w, 0x9e3779b97f4a7c15)
	return hi ^ lo
}

// route is the door's [httpapi.Options.Route].
func (r *router) route(id registry.ClientID) http.Handler {
	if id == "" {
		return nil
	}
	p := r.responsible(id)
	if p == nil || p.id() == r.s.id {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { r.forward(w, q, p) })
}

// forward has another server answer a request.
func (r *router) forward(w http.ResponseWriter, q *http.Request, to *peer) {
	err := r.tryForward(w, q, to)
	if err == nil {
		r.forwarded.Add(1)
		return
	}
	r.failed.Add(1)
	r.s.log.Debug("passing a request on", "server", to.id(), "err", err)
	status := http.StatusInternalServerError
	if errors.Is(err, muster.ErrUnknown) || errors.Is(err, muster.ErrBusy) || errors.Is(err, muster.ErrNoHandler) {
		status = http.StatusServiceUnavailable // it was not done
	}
	w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	w.WriteHeader(status)
	// The client went away: nobody to tell.
	_, _ = fmt.Fprintf(w, "caused: the server that this client belongs to, %s, does not answer: %v;", to.httpAddr(), err)
}

func (r *router) tryForward(w http.ResponseWriter, q *http.Request, to *peer) error {
	b, err := encodeRequest(q)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(q.Context(), forwardWithin)
	defer cancel()
	b, err = r.s.node.Request(ctx, to.id(), topicHTTP, b)
	if err != nil {
		return err
	}
	a, err := decodeAnswer(b)
	if err != nil {
		return err
	}
	for _, h := range a.header {
		w.Header().Add(h.name, h.value)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client went away: nobody to tell
	return nil
}

// serve answers what another server was asked.
func (r *router) serve(ctx context.Context, m muster.Message) ([]byte, error) {
	q, err := decodeRequest(ctx, m.Payload)
	if err != nil {
		return nil, err
	}
	r.taken.Add(1)
	w := &answerWriter{status: http.StatusOK}
	r.inner.ServeHTTP(w, q)
	return w.encode(), nil
}

// adopt takes in those HTTP clients of a server that is gone that belong to
// this one now. They would come by themselves with their next beat, but that
// may be later than the grace period ends.
//
// lost is when the server was last known to live.
func (r *router) adopt(server string, lost time.Time) {
	if !r.s.reg.IsReady() || r.s.members.minority() {
		return
	}
	r.work.Go(func() {
		n := 0
		r.s.plane.AddressClients(server, func(id registry.ClientID, key registry.ServiceKey, i registry.Instance) {
			if p := r.responsible(id); p == nil || p.id() != r.s.id || r.s.reg.Holds(id, key) {
				return
			}
			if err := r.s.reg.AdoptAddress(key, i, lost); err != nil {
				r.s.log.Warn("taking over a client", "client", id, "service", key, "err", err)
				return
			}
			n++
		})
		if n > 0 {
			r.adopted.Add(uint64(n))
			r.s.log.Info("took over HTTP clients", "from", server, "registrations", n)
		}
	})
}
