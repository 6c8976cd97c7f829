package peers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"google.golang.org/protobuf/proto"

	"github.com/musterhq/muster/server/bench/light"
)

// EtcdCommand is the argument by which the program runs as a node of etcd.
const EtcdCommand = "etcd-node"

// etcdNode is one node, as its process is told.
type etcdNode struct {
	Name, Dir, Peer, Client, Cluster string
}

// RunEtcd is a node of etcd until ctx ends: its settings are what they are
// without any, among them that it syncs its log.
func RunEtcd(ctx context.Context, arg string) error {
	var n etcdNode
	if err := json.Unmarshal([]byte(arg), &n); err != nil {
		return err
	}
	peer, err := url.Parse("http://" + n.Peer)
	if err != nil {
		return err
	}
	client, err := url.Parse("http://" + n.Client)
	if err != nil {
		return err
	}
	c := embed.NewConfig()
	c.Name, c.Dir, c.InitialCluster, c.LogLevel = n.Name, n.Dir, n.Cluster, "error"
	c.ListenPeerUrls, c.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	c.ListenClientUrls, c.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	e, err := embed.StartEtcd(c)
	if err != nil {
		return err
	}
	defer e.Close()
	select {
	case err := <-e.Err():
		return err
	case <-ctx.Done():
		return nil
	}
}

// Etcd is three nodes of etcd.
type Etcd struct {
	processes
	addrs []string
}

// StartEtcd starts three nodes in dir, in processes of this program.
func StartEtcd(ctx context.Context, dir string) (*Etcd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(6)
	if err != nil {
		return nil, err
	}
	e := &Etcd{}
	var cluster []string
	for i := range 3 {
		cluster = append(cluster, fmt.Sprintf("e%d=http://%s", i, ports[i]))
		e.addrs = append(e.addrs, ports[3+i])
	}
	for i := range 3 {
		n := etcdNode{fmt.Sprintf("e%d", i), filepath.Join(dir, "etcd", fmt.Sprint(i)), ports[i], ports[3+i], strings.Join(cluster, ",")}
		arg, err := json.Marshal(n)
		if err != nil {
			return nil, err
		}
		if err := e.start(exec.Command(self, EtcdCommand, string(arg)), n.Dir+".log"); err != nil {
			e.Close()
			return nil, err
		}
	}
	for i := range 3 {
		if err := await(ctx, func(ctx context.Context) error {
			c, err := e.Get(1)(ctx, i, 3)
			if err != nil {
				return err
			}
			return errors.Join(ignoreMissing(c.Do(0)), c.Close())
		}); err != nil {
			e.Close()
			return nil, fmt.Errorf("etcd node %d: %w", i, err)
		}
	}
	return e, nil
}

// Name is what a table calls it.
func (e *Etcd) Name() string { return "etcd" }

var (
	etcdPut    = light.Method("/etcdserverpb.KV/Put")
	etcdRange  = light.Method("/etcdserverpb.KV/Range")
	etcdDelete = light.Method("/etcdserverpb.KV/DeleteRange")
	etcdGrant  = light.Method("/etcdserverpb.Lease/LeaseGrant")
)

func key(service string, n uint64) []byte {
	return fmt.Appendf(nil, "/registry/public/DEFAULT_GROUP/%s/%s:%d", service, IP(n), Port(n))
}

// dial connects to a node.
func (e *Etcd) dial(ctx context.Context, i int) (*light.GRPC, error) {
	return light.DialGRPC(ctx, e.addrs[i%len(e.addrs)])
}

// An etcdOp is an Op with its connection.
type etcdOp func(c *light.GRPC, n uint64) error

func (e *Etcd) calling(ctx context.Context, i int, do, undo etcdOp) (Client, error) {
	c, err := e.dial(ctx, i)
	if err != nil {
		return Client{}, err
	}
	made := Client{Do: func(n uint64) error { return do(c, n) }, Close: c.Close}
	if undo != nil {
		made.Undo = func(n uint64) error { return undo(c, n) }
	}
	return made, nil
}

func ask(c *light.GRPC, method []byte, question, answer proto.Message) error {
	b, err := proto.Marshal(question)
	if err != nil {
		return err
	}
	if b, err = c.Call(method, b); err != nil || answer == nil {
		return err
	}
	return proto.Unmarshal(b, answer)
}

// Put puts instances, each under a key of its own.
func (e *Etcd) Put(ctx context.Context, i, _ int) (Client, error) {
	return e.calling(ctx, i, func(c *light.GRPC, n uint64) error {
		return put(c, Service(n/perService), n, 0)
	}, func(c *light.GRPC, n uint64) error { return remove(c, Service(n/perService), n) })
}

func put(c *light.GRPC, service string, address uint64, lease int64) error {
	return ask(c, etcdPut, &pb.PutRequest{Key: key(service, address), Value: []byte(Instance(service, address, lease != 0)), Lease: lease}, nil)
}

func remove(c *light.GRPC, service string, address uint64) error {
	var a pb.DeleteRangeResponse
	err := ask(c, etcdDelete, &pb.DeleteRangeRequest{Key: key(service, address)}, &a)
	if err == nil && a.Deleted != 1 {
		err = fmt.Errorf("%d keys deleted", a.Deleted)
	}
	return err
}

// leaseSeconds is longer than any run.
const leaseSeconds = 3600

// lease grants a lease.
func lease(c *light.GRPC) (int64, error) {
	var a pb.LeaseGrantResponse
	err := ask(c, etcdGrant, &pb.LeaseGrantRequest{TTL: leaseSeconds}, &a)
	return a.ID, err
}

// PutLeased puts instances that go with their client, which has one lease.
func (e *Etcd) PutLeased(ctx context.Context, i, of int) (Client, error) {
	c, err := e.dial(ctx, i)
	if err != nil {
		return Client{}, err
	}
	id, err := lease(c)
	if err != nil {
		return Client{}, errors.Join(err, c.Close())
	}
	service := func(n uint64) string { return Service(n / uint64(min(of, perService))) }
	return Client{
		Do:    func(n uint64) error { return put(c, service(n), uint64(i), id) },
		Undo:  func(n uint64) error { return remove(c, service(n), uint64(i)) },
		Close: c.Close,
	}, nil
}

var errMissing = errors.New("the key is not there")

func ignoreMissing(err error) error {
	if errors.Is(err, errMissing) {
		return nil
	}
	return err
}

// Get gets one instance, in one of so many services that Fill has made, as a
// get is without options: linearizable.
func (e *Etcd) Get(services uint64) Dialer { return e.get(services, 1, false) }

// GetLocal gets what the node asked has, which may be old.
func (e *Etcd) GetLocal(services uint64) Dialer { return e.get(services, 1, true) }

// List gets all instances of a service, as a get with a prefix.
func (e *Etcd) List(services, per uint64) Dialer { return e.get(services, per, false) }

func (e *Etcd) get(services, per uint64, local bool) Dialer {
	return func(ctx context.Context, i, _ int) (Client, error) {
		return e.calling(ctx, i, func(c *light.GRPC, n uint64) error {
			n = spread(n) % services
			r := &pb.RangeRequest{Key: key(Service(n), n), Serializable: local}
			if per > 1 {
				r.Key = []byte("/registry/public/DEFAULT_GROUP/" + Service(n) + "/")
				r.RangeEnd = append(r.Key[:len(r.Key)-1:len(r.Key)-1], '/'+1)
			}
			b, err := proto.Marshal(r)
			if err != nil {
				return err
			}
			if b, err = c.Call(etcdRange, b); err == nil && uint64(len(b)) < per*InstanceSize*9/10 {
				err = errMissing // an answer without the values is shorter than they are
			}
			return err
		}, nil)
	}
}

// Fill puts per instances in each of so many services.
func (e *Etcd) Fill(ctx context.Context, services, per uint64) error {
	return fill(ctx, services*per, func(ctx context.Context, i, _ int) (Client, error) {
		return e.calling(ctx, i, func(c *light.GRPC, n uint64) error { return put(c, Service(n/per), n, 0) }, nil)
	})
}

// await calls f until it works.
func await(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := f(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond): // between looks
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// freePorts finds addresses of the loopback interface that nobody listens at.
func freePorts(n int) (addrs []string, err error) {
	var open []io.Closer
	defer func() {
		for _, l := range open {
			err = errors.Join(err, l.Close())
		}
	}()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		open = append(open, l)
		addrs = append(addrs, l.Addr().String())
	}
	return addrs, nil
}
