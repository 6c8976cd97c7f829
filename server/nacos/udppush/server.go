package udppush

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// Options make a Server. What is left out has a default.
type Options struct {
	Push   *push.Engine
	Logger *slog.Logger
	// Lasts is how long clients were told to wait until they ask again, as the
	// operator has switched it. Their subscriptions last somewhat longer.
	Lasts func() time.Duration
	// MaxSubscribers bounds the addresses that are pushed to: 100,000.
	MaxSubscribers int
	// MaxPerSubscriber bounds the services of one address: 10,000.
	MaxPerSubscriber int
}

// Server pushes by UDP.
type Server struct {
	opts Options
	conn net.PacketConn

	mu   sync.Mutex
	subs map[netip.AddrPort]*subscriber
}

// subscriber is one address that listens.
type subscriber struct {
	server   *Server
	to       netip.AddrPort
	receiver *push.Receiver
	asked    map[topic]time.Time // when it has last asked for what; guarded by server.mu
}

type topic struct {
	key      registry.ServiceKey
	clusters string
}

// retries is how often a push is sent again that is not acknowledged.
const retries = 1

// defaultLasts is how long clients wait unless it is switched, and late how
// much later than that they may be.
const (
	defaultLasts = 10 * time.Second
	late         = 5 * time.Second
)

// New makes a server that sends and receives over conn, which it closes.
func New(conn net.PacketConn, o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Lasts == nil {
		o.Lasts = func() time.Duration { return defaultLasts }
	}
	if o.MaxSubscribers == 0 {
		o.MaxSubscribers = 100_000
	}
	if o.MaxPerSubscriber == 0 {
		o.MaxPerSubscriber = 10_000
	}
	return &Server{opts: o, conn: conn, subs: make(map[netip.AddrPort]*subscriber)}
}

// Subscribe has an address told of a service's changes for a while.
func (s *Server) Subscribe(to netip.AddrPort, key registry.ServiceKey, q registry.Query, info registry.SubscriberInfo) error {
	t := topic{key, q.Clusters}
	s.mu.Lock()
	sub := s.subs[to]
	if sub == nil {
		if len(s.subs) >= s.opts.MaxSubscribers {
			n := len(s.subs)
			s.mu.Unlock()
			return fmt.Errorf("%w: %d subscribers", registry.ErrLimit, n)
		}
		sub = &subscriber{server: s, to: to, asked: make(map[topic]time.Time)}
		sub.receiver = s.opts.Push.NewLossyReceiver(sub, retries)
		s.subs[to] = sub
	}
	_, known := sub.asked[t]
	if !known && len(sub.asked) >= s.opts.MaxPerSubscriber {
		s.mu.Unlock()
		return fmt.Errorf("%w: %d services", registry.ErrLimit, s.opts.MaxPerSubscriber)
	}
	sub.asked[t] = time.Now()
	s.mu.Unlock()
	if known && sub.receiver.Subscribed(key, q.Clusters) {
		return nil // the answer to the question carries what there is
	}
	return sub.receiver.Subscribe(key, q, info, s.opts.MaxPerSubscriber)
}

// Addresses returns who is pushed to.
func (s *Server) Addresses() []netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]netip.AddrPort, 0, len(s.subs))
	for a := range s.subs {
		out = append(out, a)
	}
	return out
}

// Subscriptions returns how many services are asked for, by all addresses.
func (s *Server) Subscriptions() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sub := range s.subs {
		n += len(sub.asked)
	}
	return n
}

const sweepTick = time.Second

// Run receives acknowledgements and forgets who no longer asks, until ctx
// ends. It closes the socket.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.Close() }) // which ends the loop below
	defer stop()
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		tick := time.NewTicker(sweepTick)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				s.sweep(now)
			}
		}
	}()
	defer func() { <-swept }()
	buf := make([]byte, 2048)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("receiving acknowledgements: %w", err)
		case err != nil:
			continue // as when a client's host says that nobody listens there
		}
		if u, ok := from.(*net.UDPAddr); ok {
			s.acked(netip.AddrPortFrom(u.AddrPort().Addr().Unmap(), u.AddrPort().Port()), buf[:n])
		}
	}
}

// acked takes in an acknowledgement.
func (s *Server) acked(from netip.AddrPort, b []byte) {
	id, ok := parseAck(b)
	if !ok {
		return
	}
	s.mu.Lock()
	sub := s.subs[from]
	s.mu.Unlock()
	if sub != nil {
		sub.receiver.Ack(id, true)
	}
}

// parseAck reads {"type":"push-ack","lastRefTime":"..."}: some clients send
// the number as one, others as text.
func parseAck(b []byte) (uint64, bool) {
	var ack struct {
		Type        string          `json:"type"`
		LastRefTime json.RawMessage `json:"lastRefTime"`
	}
	if json.Unmarshal(b, &ack) != nil || ack.Type != "push-ack" {
		return 0, false
	}
	id, err := strconv.ParseUint(string(bytes.Trim(ack.LastRefTime, `"`)), 10, 64)
	return id, err == nil
}

// sweep ends the subscriptions of those who have not asked for a while.
func (s *Server) sweep(now time.Time) {
	lasts := s.opts.Lasts() + late
	type ended struct {
		sub   *subscriber
		topic topic
	}
	var old []ended
	var gone []*subscriber
	s.mu.Lock()
	for to, sub := range s.subs {
		for t, asked := range sub.asked {
			if now.Sub(asked) > lasts {
				delete(sub.asked, t)
				old = append(old, ended{sub, t})
			}
		}
		if len(sub.asked) == 0 {
			delete(s.subs, to)
			gone = append(gone, sub)
		}
	}
	s.mu.Unlock()
	for _, e := range old {
		e.sub.receiver.Unsubscribe(e.topic.key, e.topic.clusters)
	}
	for _, sub := range gone {
		sub.receiver.Close()
	}
}

// maxDatagram is what fits into one.
const maxDatagram = 65507

// compressFrom is the size from which a push is compressed.
const compressFrom = 1024

// Render makes a push but its number, which ends it.
func (u *subscriber) Render(v *registry.View, q registry.Query) []byte {
	return v.Memo(v.Variant(shape.FormDom, q), func() []byte {
		list := shape.Bare(v, shape.FormV1, q)
		b := make([]byte, 0, len(list)*5/4)
		b = append(b, `{"type":"dom","data":`...)
		b = registry.AppendJSONString(b, string(list))
		return append(b, `,"lastRefTime":`...)
	})
}

// Send sends a push. That it cannot be sent is no reason to give up: the next
// question is answered.
func (u *subscriber) Send(id uint64, _ registry.ServiceKey, body []byte) error {
	b := make([]byte, 0, len(body)+24)
	b = append(b, body...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, '}')
	if len(b) >= compressFrom {
		var err error
		if b, err = compress(b); err != nil {
			return err
		}
	}
	if len(b) > maxDatagram {
		u.server.opts.Logger.Debug("a list is too long to be pushed by UDP", "to", u.to.String(), "bytes", len(b))
		u.receiver.Ack(id, true)
		return nil
	}
	if _, err := u.server.conn.WriteTo(b, net.UDPAddrFromAddrPort(u.to)); err != nil {
		u.server.opts.Logger.Debug("pushing by UDP", "to", u.to.String(), "err", err)
	}
	return nil
}

// SendWatch is for clients that came later.
func (u *subscriber) SendWatch(uint64, push.WatchMessage) error { return nil }

var writers = sync.Pool{New: func() any {
	w, err := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is one
	}
	return w
}}

func compress(b []byte) ([]byte, error) {
	var out bytes.Buffer
	w := writers.Get().(*gzip.Writer)
	defer writers.Put(w)
	w.Reset(&out)
	if _, err := w.Write(b); err != nil {
		return nil, fmt.Errorf("compressing a push: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("compressing a push: %w", err)
	}
	return out.Bytes(), nil
}
