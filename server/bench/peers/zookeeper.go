package peers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// zookeeperJar is where Debian's package has it.
const zookeeperJar = "/usr/share/java/zookeeper.jar"

// ErrNotInstalled says that a system is not on this machine.
var ErrNotInstalled = errors.New("not installed")

// ZooKeeper is three servers of ZooKeeper.
type ZooKeeper struct {
	processes
	addrs []string
}

// StartZooKeeper starts three servers in dir, of Debian's package.
func StartZooKeeper(ctx context.Context, dir string) (*ZooKeeper, error) {
	java, err := exec.LookPath("java")
	if _, jar := os.Stat(zookeeperJar); err != nil || jar != nil {
		return nil, fmt.Errorf("zookeeper: %w: it needs java and Debian's package zookeeper", ErrNotInstalled)
	}
	ports, err := freePorts(9)
	if err != nil {
		return nil, err
	}
	port := func(i int) string { return ports[i][strings.LastIndexByte(ports[i], ':')+1:] }
	z := &ZooKeeper{}
	var ensemble strings.Builder
	for i := range 3 {
		fmt.Fprintf(&ensemble, "server.%d=127.0.0.1:%s:%s;127.0.0.1:%s\n", i+1, port(3+i), port(6+i), port(i))
		z.addrs = append(z.addrs, ports[i])
	}
	for i := range 3 {
		data := filepath.Join(dir, "zookeeper", fmt.Sprint(i))
		config := filepath.Join(dir, "zookeeper", fmt.Sprintf("%d.cfg", i))
		err := errors.Join(os.MkdirAll(data, 0o755), os.WriteFile(filepath.Join(data, "myid"), fmt.Appendf(nil, "%d\n", i+1), 0o644),
			os.WriteFile(config, fmt.Appendf(nil, "tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\ndataDir=%s\n%s", data, &ensemble), 0o644))
		if err == nil {
			err = z.start(exec.Command(java, "-Xmx1000m", "-cp", zookeeperJar,
				"org.apache.zookeeper.server.quorum.QuorumPeerMain", config), data+".log")
		}
		if err != nil {
			z.Close()
			return nil, err
		}
	}
	for i := range 3 {
		if err := await(ctx, func(ctx context.Context) error {
			c, err := z.dial(ctx, i)
			if err != nil {
				return err
			}
			defer c.Close()
			if _, err := c.Create(zookeeperRoot, nil, 0, zk.WorldACL(zk.PermAll)); !errors.Is(err, zk.ErrNodeExists) {
				return err
			}
			return nil
		}); err != nil {
			z.Close()
			return nil, fmt.Errorf("zookeeper server %d: %w", i+1, err)
		}
	}
	return z, nil
}

// Name is what a table calls it.
func (z *ZooKeeper) Name() string { return "zookeeper" }

const zookeeperRoot = "/registry"

type silent struct{}

func (silent) Printf(string, ...any) {}

// dial begins a session at one server, and waits for it.
func (z *ZooKeeper) dial(ctx context.Context, i int) (*zk.Conn, error) {
	c, events, err := zk.Connect([]string{z.addrs[i%len(z.addrs)]}, 20*time.Second, zk.WithLogger(silent{}), zk.WithLogInfo(false))
	if err != nil {
		return nil, err
	}
	late := time.After(5 * time.Second)
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return c, nil
			}
		case <-late:
			c.Close()
			return nil, errors.New("no session")
		case <-ctx.Done():
			c.Close()
			return nil, ctx.Err()
		}
	}
}

// Create creates nodes, or with zk.FlagEphemeral nodes that go with the session.
func (z *ZooKeeper) Create(flags int32) Dialer {
	return func(ctx context.Context, i, _ int) (Client, error) {
		c, err := z.dial(ctx, i)
		if err != nil {
			return Client{}, err
		}
		path := func(n uint64) string {
			return fmt.Sprintf("%s/%s_%s:%d", zookeeperRoot, Service(n/perService), IP(n), Port(n))
		}
		return Client{
			Do: func(n uint64) error {
				_, err := c.Create(path(n), []byte(Instance(Service(n/perService), n, flags != 0)), flags, zk.WorldACL(zk.PermAll))
				return err
			},
			Undo:  func(n uint64) error { return c.Delete(path(n), -1) },
			Close: func() error { c.Close(); return nil },
		}, nil
	}
}

// Get gets one of so many nodes that Fill has made. It is what the server asked
// has, which may be old.
func (z *ZooKeeper) Get(services uint64) Dialer {
	return func(ctx context.Context, i, _ int) (Client, error) {
		c, err := z.dial(ctx, i)
		if err != nil {
			return Client{}, err
		}
		return Client{Close: func() error { c.Close(); return nil }, Do: func(n uint64) error {
			_, _, err := c.Get(zookeeperRoot + "/" + Service(spread(n)%services))
			return err
		}}, nil
	}
}

// Fill creates a node for each of so many services.
func (z *ZooKeeper) Fill(ctx context.Context, services uint64) error {
	return fill(ctx, services, func(ctx context.Context, i, _ int) (Client, error) {
		c, err := z.dial(ctx, i)
		if err != nil {
			return Client{}, err
		}
		return Client{Close: func() error { c.Close(); return nil }, Do: func(n uint64) error {
			_, err := c.Create(zookeeperRoot+"/"+Service(n), []byte(Instance(Service(n), n, false)), 0, zk.WorldACL(zk.PermAll))
			return err
		}}, nil
	})
}
