package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	pb "github.com/nacos-group/nacos-sdk-go/v2/api/grpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/musterhq/muster/server/e2e/proc"
)

// A Tap subscribes with the bare protocol and looks at what libraries hide:
// lastRefTime, by which a client tells a newer list from an older one. Like
// them it drops what is not newer than what it has.
type Tap struct {
	f       *Fleet
	name    string
	servers []*proc.Server // one; or those it roams, a while at each
	cancel  context.CancelFunc
	done    chan struct{}

	mu     sync.Mutex
	last   uint64 // lastRefTime of the list it has
	from   string // who gave it
	now    []string
	pushes int
	visits int
	empty  int
	faults []string
}

// roamEvery is how long a tap that roams stays with one server.
const roamEvery = 2 * time.Second

// tapAgain is the pause before a tap connects again.
const tapAgain = 100 * time.Millisecond

// maxFaults bounds what a tap writes down.
const maxFaults = 20

// Tap starts a tap at each server, and one that goes from server to server.
func (f *Fleet) Tap() {
	start := func(name string, servers []*proc.Server) {
		ctx, cancel := context.WithCancel(context.Background())
		t := &Tap{f: f, name: name, servers: servers, cancel: cancel, done: make(chan struct{})}
		f.mu.Lock()
		f.taps = append(f.taps, t)
		f.mu.Unlock()
		go t.run(ctx)
	}
	for _, s := range f.servers {
		start("tap at "+s.Name, []*proc.Server{s})
	}
	start("tap that roams", f.servers)
}

// run keeps the tap connected until ctx ends.
func (t *Tap) run(ctx context.Context) {
	defer close(t.done)
	for i := 0; ctx.Err() == nil; i++ {
		s := t.servers[i%len(t.servers)]
		visit, leave := context.WithCancel(ctx)
		if len(t.servers) > 1 {
			visit, leave = context.WithTimeout(ctx, roamEvery)
		}
		err := t.visit(visit, s)
		leave()
		if err != nil && ctx.Err() == nil {
			select {
			case <-time.After(tapAgain):
			case <-ctx.Done():
			}
		}
	}
}

// visit subscribes at one server and takes what it says until the connection or
// ctx ends.
func (t *Tap) visit(ctx context.Context, s *proc.Server) error {
	conn, err := grpc.NewClient(net.JoinHostPort(s.IP, strconv.Itoa(s.GRPC)), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is on its way that counts
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := pb.NewBiRequestStreamClient(conn).RequestBiStream(ctx)
	if err != nil {
		return err
	}
	setup := map[string]any{"clientVersion": "Nacos-Go-Client:v2.3.5", "labels": map[string]string{"source": "sdk", "module": "naming"}}
	p, err := payload("ConnectionSetupRequest", setup)
	if err != nil {
		return err
	}
	if err := stream.Send(p); err != nil {
		return err
	}
	heard := make(chan error, 1)
	go func() {
		defer cancel()
		heard <- t.listen(stream, s)
	}()
	c := pb.NewRequestClient(conn)
	if err = t.subscribe(ctx, c, s); err == nil {
		err = stay(ctx, c)
	}
	cancel()
	return errors.Join(err, <-heard)
}

// stay returns when the server answers no more, or ctx ends. Libraries ask as
// often: a connection may break in silence.
func stay(ctx context.Context, c pb.RequestClient) error {
	p, err := payload("HealthCheckRequest", struct{}{})
	if err != nil {
		return err
	}
	tick := time.NewTicker(3 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		ask, cancel := context.WithTimeout(ctx, 3*time.Second)
		_, err := c.Request(ask, p)
		cancel()
		if err != nil {
			return err
		}
	}
}

// payload is a message of the protocol.
func payload(kind string, body any) (*pb.Payload, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	return &pb.Payload{Metadata: &pb.Metadata{Type: kind, ClientIp: "127.0.0.1"}, Body: &anypb.Any{Value: b}}, nil
}

// subscribe asks until the server knows the connection, or ctx ends.
func (t *Tap) subscribe(ctx context.Context, c pb.RequestClient, s *proc.Server) error {
	p, err := payload("SubscribeServiceRequest", map[string]any{
		"namespace": "public", "groupName": "DEFAULT_GROUP", "serviceName": Service, "subscribe": true, "clusters": "",
	})
	if err != nil {
		return err
	}
	for {
		a, err := c.Request(ctx, p)
		if err != nil {
			return err
		}
		var answer struct {
			ResultCode  int
			ServiceInfo list
		}
		if err := json.Unmarshal(a.GetBody().GetValue(), &answer); err != nil {
			return err
		}
		if answer.ResultCode == 200 {
			t.mu.Lock()
			t.visits++
			t.mu.Unlock()
			t.take(s, answer.ServiceInfo, false)
			return nil
		}
		select {
		case <-time.After(tapAgain):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// list is what a server says of a service.
type list struct {
	LastRefTime uint64
	Hosts       []struct {
		IP      string
		Healthy bool
	}
}

// listen takes what the server pushes, and answers.
func (t *Tap) listen(stream pb.BiRequestStream_RequestBiStreamClient, s *proc.Server) error {
	for {
		p, err := stream.Recv()
		if err != nil {
			return err
		}
		var q struct {
			RequestID   string `json:"requestId"`
			ServiceInfo list
		}
		if err := json.Unmarshal(p.GetBody().GetValue(), &q); err != nil {
			return err
		}
		answer := map[string]any{"requestId": q.RequestID, "resultCode": 200, "success": true}
		kind := ""
		switch p.GetMetadata().GetType() {
		case "NotifySubscriberRequest":
			t.take(s, q.ServiceInfo, true)
			kind = "NotifySubscriberResponse"
		case "ClientDetectionRequest":
			kind = "ClientDetectionResponse"
		default:
			continue // a wish that it moves, which is none of its business
		}
		a, err := payload(kind, answer)
		if err != nil {
			return err
		}
		if err := stream.Send(a); err != nil {
			return err
		}
	}
}

// take takes in a list. One that is pushed must not be older than what any
// server said before, and what has changed must be newer.
func (t *Tap) take(s *proc.Server, l list, pushed bool) {
	var ips []string
	for _, h := range l.Hosts {
		ips = append(ips, h.IP)
	}
	slices.Sort(ips)
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case pushed && l.LastRefTime < t.last:
		t.fault("%s pushes lastRefTime %d after %d of %s", s.Name, l.LastRefTime, t.last, t.from)
	case pushed && l.LastRefTime == t.last && !slices.Equal(ips, t.now):
		t.fault("%s pushes another list with the lastRefTime %d of the one %s gave: %v", s.Name, t.last, t.from, difference(ips, t.now))
	}
	if pushed {
		t.pushes++
	}
	if l.LastRefTime <= t.last {
		return
	}
	if len(ips) == 0 && len(t.now) > 0 {
		t.empty++
		t.fault("%s gives an empty list", s.Name)
	}
	t.last, t.from, t.now = l.LastRefTime, s.Name, ips
}

// fault writes down what must not be. The caller holds t.mu.
func (t *Tap) fault(format string, args ...any) {
	text := t.name + ": " + fmt.Sprintf(format, args...)
	if len(t.faults) < maxFaults {
		t.faults = append(t.faults, text)
	}
	go t.f.Note("%s", text) // it takes another lock
}

// has returns what an application at the tap would see now.
func (t *Tap) has() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.now)
}

// Faults returns what was wrong with the lists that taps were given: a
// lastRefTime that went back, a change under the same one, an empty list.
func (f *Fleet) Faults() (out []string) {
	f.mu.Lock()
	taps := slices.Clone(f.taps)
	f.mu.Unlock()
	for _, t := range taps {
		t.mu.Lock()
		out = append(out, t.faults...)
		t.mu.Unlock()
	}
	return out
}

// Tapped says how much the taps have seen.
func (f *Fleet) Tapped() string {
	f.mu.Lock()
	taps := slices.Clone(f.taps)
	f.mu.Unlock()
	var out string
	for _, t := range taps {
		t.mu.Lock()
		out += fmt.Sprintf("%s: %d pushes, connected %d times\n", t.name, t.pushes, t.visits)
		t.mu.Unlock()
	}
	return out
}

// stop ends the tap.
func (t *Tap) stop() {
	t.cancel()
	<-t.done
}
