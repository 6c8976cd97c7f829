package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/server/bench/light"
	"github.com/musterhq/muster/server/e2e/proc"
)

// Muster is servers of ours.
type Muster struct{ *proc.Cluster }

// StartMuster starts servers in dir.
func StartMuster(ctx context.Context, binary, dir string, size int) (*Muster, error) {
	c, err := proc.NewCluster(binary, filepath.Join(dir, "muster"), size, nil)
	if err != nil {
		return nil, err
	}
	if err := c.Start(ctx); err != nil {
		c.Close()
		return nil, err
	}
	// None of the instances is there, and the others check none of theirs.
	body, status, err := c.Servers[0].Do(ctx, http.MethodPut, "/nacos/v1/ns/operator/switches?entry=check&value=off")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("switching off health checks: %d %s", status, body)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	return &Muster{c}, nil
}

// Name is what a table calls it.
func (m *Muster) Name() string { return "muster" }

// PIDs are the servers' processes.
func (m *Muster) PIDs() (all []int) {
	for _, s := range m.Servers {
		all = append(all, s.PID())
	}
	return all
}

// Connect makes a gRPC client of the i-th server, set up.
func (m *Muster) Connect(ctx context.Context, i int) (*light.Nacos, error) {
	s := m.Servers[i%len(m.Servers)]
	g, err := light.DialGRPC(ctx, net.JoinHostPort(s.IP, strconv.Itoa(s.GRPC)))
	if err != nil {
		return nil, err
	}
	n, err := light.SetUp(g)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", s.Name, err), g.Close())
	}
	return n, nil
}

// perService is how many instances a service has, where they are spread.
const perService = 10

// question is a request: its type and its body.
type question struct{ kind, body string }

// asking makes a client of questions; undo may be nil.
func (m *Muster) asking(ctx context.Context, i int, do, undo func(n uint64) question) (Client, error) {
	c, err := m.Connect(ctx, i)
	if err != nil {
		return Client{}, err
	}
	op := func(q func(uint64) question) Op {
		if q == nil {
			return nil
		}
		return func(n uint64) error {
			x := q(n)
			_, err := c.Ask(x.kind, []byte(x.body))
			return err
		}
	}
	return Client{Do: op(do), Undo: op(undo), Close: c.Close}, nil
}

// Persistent registers persistent instances over gRPC, ten to a service.
func (m *Muster) Persistent(ctx context.Context, i, _ int) (Client, error) {
	ask := func(kind string) func(n uint64) question {
		return func(n uint64) question {
			service := Service(n / perService)
			return question{"PersistentInstanceRequest", Request(service, `,"type":"`+kind+`","instance":`+Instance(service, n, false))}
		}
	}
	return m.asking(ctx, i, ask("registerInstance"), ask("deregisterInstance"))
}

// Ephemeral registers an instance of each client in one service after the
// other; up to ten clients share a service.
func (m *Muster) Ephemeral(ctx context.Context, i, of int) (Client, error) {
	ask := func(kind string) func(n uint64) question {
		return func(n uint64) question {
			service := Service(n / uint64(min(of, perService)))
			return question{"InstanceRequest", Request(service, `,"type":"`+kind+`","instance":`+Instance(service, uint64(i), true))}
		}
	}
	return m.asking(ctx, i, ask("registerInstance"), ask("deregisterInstance"))
}

// Query asks for the list of one of so many services that Fill has made.
func (m *Muster) Query(services uint64) Dialer {
	return func(ctx context.Context, i, _ int) (Client, error) {
		return m.asking(ctx, i, func(n uint64) question {
			return question{"ServiceQueryRequest", Request(Service(spread(n)%services), `,"cluster":"","healthyOnly":false,"udpPort":0`)}
		}, nil)
	}
}

// spread is a number that n alone decides, unlike those of its neighbours.
func spread(n uint64) uint64 { return n * 0x9e3779b97f4a7c15 >> 20 }

// Fill registers persistent instances: per of them in each of so many services.
func (m *Muster) Fill(ctx context.Context, services, per uint64) error {
	return fill(ctx, services*per, func(ctx context.Context, i, _ int) (Client, error) {
		return m.asking(ctx, i, func(n uint64) question {
			service := Service(n / per)
			return question{"PersistentInstanceRequest", Request(service, `,"type":"registerInstance","instance":`+Instance(service, n, false))}
		}, nil)
	})
}

// Crowd registers ephemeral instances: clients register per of them in each of
// their share of the services from one number to another, and stay until
// hangUp.
func (m *Muster) Crowd(ctx context.Context, clients int, from, to, per uint64) (hangUp func() error, err error) {
	var all []*light.Nacos
	hangUp, err = Each(ctx, clients, to-from, func(ctx context.Context, i, _ int) (Client, error) {
		c, err := m.Connect(ctx, i)
		if err != nil {
			return Client{}, err
		}
		all = append(all, c)
		return Client{Close: c.Close, Do: func(n uint64) error {
			service := Service(from + n)
			var list []string
			for k := range per {
				list = append(list, Instance(service, (from+n)*per+k, true))
			}
			_, err := c.Ask("BatchInstanceRequest", []byte(Request(service, `,"type":"batchRegisterInstance","instances":[`+strings.Join(list, ",")+`]`)))
			return err
		}}, nil
	})
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		go func() { _ = c.Hold(nil) }() // it ends with the connection
	}
	return hangUp, nil
}

// Instances returns how many instances a server says that there are.
func Instances(ctx context.Context, s *proc.Server) (int, error) {
	body, status, err := s.Get(ctx, "/nacos/v1/ns/operator/metrics?onlyStatus=false")
	if err != nil {
		return 0, err
	}
	var a struct{ InstanceCount int }
	if err := json.Unmarshal([]byte(body), &a); err != nil || status != http.StatusOK {
		return 0, fmt.Errorf("metrics: %d %s: %w", status, body, err)
	}
	return a.InstanceCount, nil
}

const instancePath = "/nacos/v1/ns/instance"

// PersistentHTTP registers persistent instances over HTTP.
func (m *Muster) PersistentHTTP(ctx context.Context, i, _ int) (Client, error) {
	return m.form(ctx, i, false)
}

// EphemeralHTTP registers ephemeral instances over HTTP.
func (m *Muster) EphemeralHTTP(ctx context.Context, i, _ int) (Client, error) {
	return m.form(ctx, i, true)
}

func (m *Muster) form(ctx context.Context, i int, ephemeral bool) (Client, error) {
	return m.posting(ctx, i, func(c *light.HTTP, n uint64) error {
		_, err := c.Do(http.MethodPost, instancePath, []byte(Form(Service(n/perService), n, ephemeral)))
		return err
	}, func(c *light.HTTP, n uint64) error {
		_, err := c.Do(http.MethodDelete, instancePath+"?"+Form(Service(n/perService), n, ephemeral), nil)
		return err
	})
}

// QueryHTTP asks for lists over HTTP.
func (m *Muster) QueryHTTP(services uint64) Dialer {
	return func(ctx context.Context, i, _ int) (Client, error) {
		return m.posting(ctx, i, func(c *light.HTTP, n uint64) error {
			_, err := c.Do(http.MethodGet, instancePath+"/list?serviceName=DEFAULT_GROUP%40%40"+Service(spread(n)%services)+"&namespaceId=public&clusters=&udpPort=0&clientIP=127.0.0.1&healthyOnly=false", nil)
			return err
		}, nil)
	}
}

func (m *Muster) posting(ctx context.Context, i int, do, undo func(*light.HTTP, uint64) error) (Client, error) {
	s := m.Servers[i%len(m.Servers)]
	c, err := light.DialHTTP(ctx, net.JoinHostPort(s.IP, strconv.Itoa(s.HTTP)))
	if err != nil {
		return Client{}, err
	}
	// A server hangs up on who connects and then says nothing for seconds, while
	// the others have their turn.
	if _, err := c.Do(http.MethodGet, "/livez", nil); err != nil {
		return Client{}, errors.Join(err, c.Close())
	}
	made := Client{Do: func(n uint64) error { return do(c, n) }, Close: c.Close}
	if undo != nil {
		made.Undo = func(n uint64) error { return undo(c, n) }
	}
	return made, nil
}

// readyWithin is how long servers may take to begin.
const readyWithin = 60 * time.Second
