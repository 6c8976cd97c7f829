package e2e

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/clients/naming_client"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/model"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/musterhq/muster/server/e2e/sut"
)

func start(t *testing.T, o sut.Options) *sut.Server {
	t.Helper()
	s, err := sut.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// eventually waits for something that real clients do in their own time.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !f() {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time: " + what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func goV2(t *testing.T, s *sut.Server, namespace string) naming_client.INamingClient {
	t.Helper()
	dir, err := os.MkdirTemp("", "nacos-go") // not t.TempDir: the client writes there after its end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := clients.NewNamingClient(vo.NacosClientParam{
		ClientConfig: &constant.ClientConfig{
			NamespaceId: namespace, TimeoutMs: 3000, NotLoadCacheAtStart: true, LogDir: dir, CacheDir: dir, LogLevel: "error",
			UpdateCacheWhenEmpty: true, DisableUseSnapShot: true,
		},
		ServerConfigs: []constant.ServerConfig{{IpAddr: "127.0.0.1", Port: uint64(s.HTTP), GrpcPort: uint64(s.GRPC), ContextPath: "/nacos", Scheme: "http"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseClient)
	return c
}

func must(t *testing.T, ok bool, err error) {
	t.Helper()
	if err != nil || !ok {
		t.Fatalf("ok=%v err=%v", ok, err)
	}
}

func addrs(list []model.Instance) []string {
	var out []string
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s:%d", i.Ip, i.Port))
	}
	slices.Sort(out)
	return out
}

// told collects what a subscriber is told.
type told struct {
	mu   sync.Mutex
	last []model.Instance
	n    int
}

func (c *told) callback(list []model.Instance, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	c.last = list
}

func (c *told) addrs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return addrs(c.last)
}

func (c *told) want(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("subscriber is told %v, was last told %v", want, c.addrs()), func() bool { return slices.Equal(c.addrs(), want) })
}

func TestGoV2RegisterSubscribeDeregister(t *testing.T) {
	s := start(t, sut.Options{})
	a, b := goV2(t, s, ""), goV2(t, s, "")
	var seen told
	sub := &vo.SubscribeParam{ServiceName: "demo", SubscribeCallback: seen.callback}
	if err := b.Subscribe(sub); err != nil {
		t.Fatal(err)
	}
	ok, err := a.RegisterInstance(vo.RegisterInstanceParam{
		Ip: "10.0.0.1", Port: 8080, ServiceName: "demo", Weight: 10, Enable: true, Healthy: true, Ephemeral: true,
		Metadata: map[string]string{"zone": "a", "quote": `"<>&`},
	})
	must(t, ok, err)
	seen.want(t, "10.0.0.1:8080")
	seen.mu.Lock()
	i := seen.last[0]
	seen.mu.Unlock()
	if i.Weight != 10 || i.Metadata["quote"] != `"<>&` || i.ClusterName != "DEFAULT" || !i.Healthy || !i.Enable || !i.Ephemeral ||
		i.InstanceId != "10.0.0.1#8080#DEFAULT#DEFAULT_GROUP@@demo" || i.ServiceName != "DEFAULT_GROUP@@demo" {
		t.Fatalf("told %+v", i)
	}
	list, err := b.SelectInstances(vo.SelectInstancesParam{ServiceName: "demo", HealthyOnly: true})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	services, err := b.GetAllServicesInfo(vo.GetAllServiceInfoParam{PageNo: 1, PageSize: 10})
	if err != nil || services.Count != 1 || services.Doms[0] != "demo" {
		t.Fatalf("%+v %v", services, err)
	}
	ok, err = a.DeregisterInstance(vo.DeregisterInstanceParam{Ip: "10.0.0.1", Port: 8080, ServiceName: "demo", Ephemeral: true})
	must(t, ok, err)
	seen.want(t)

	if err := b.Unsubscribe(sub); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody is subscribed", func() bool { return s.Registry.Stats().Subscribers == 0 })
}

func TestGoV2Batch(t *testing.T) {
	s := start(t, sut.Options{})
	a, b := goV2(t, s, ""), goV2(t, s, "")
	var seen told
	if err := b.Subscribe(&vo.SubscribeParam{ServiceName: "batch", GroupName: "G", SubscribeCallback: seen.callback}); err != nil {
		t.Fatal(err)
	}
	batch := vo.BatchRegisterInstanceParam{ServiceName: "batch", GroupName: "G"}
	for p := range 3 {
		batch.Instances = append(batch.Instances, vo.RegisterInstanceParam{Ip: "10.0.0.1", Port: uint64(8080 + p), Weight: 1, Enable: true, Healthy: true, Ephemeral: true})
	}
	ok, err := a.BatchRegisterInstance(batch)
	must(t, ok, err)
	seen.want(t, "10.0.0.1:8080", "10.0.0.1:8081", "10.0.0.1:8082")
	batch.Instances = batch.Instances[1:2]
	ok, err = a.BatchRegisterInstance(batch)
	must(t, ok, err)
	seen.want(t, "10.0.0.1:8081")
}

func TestGoV2NamespacesGroupsClusters(t *testing.T) {
	s := start(t, sut.Options{})
	clients := []naming_client.INamingClient{goV2(t, s, ""), goV2(t, s, "other")}
	for n, c := range clients {
		for _, group := range []string{"G1", "G2"} {
			for _, cluster := range []string{"C1", "C2"} {
				// One instance per connection and service: two clusters are two services.
				ok, err := c.RegisterInstance(vo.RegisterInstanceParam{
					Ip: fmt.Sprintf("10.0.%d.1", n), Port: 80, ServiceName: "demo" + cluster, GroupName: group, ClusterName: cluster,
					Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
				})
				must(t, ok, err)
			}
		}
	}
	for n, c := range clients {
		list, err := c.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: "demoC1", GroupName: "G2", Clusters: []string{"C1"}})
		if err != nil || !slices.Equal(addrs(list), []string{fmt.Sprintf("10.0.%d.1:80", n)}) {
			t.Fatal(n, list, err)
		}
		none, err := c.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: "demoC1", GroupName: "G2", Clusters: []string{"C9"}})
		if err == nil && len(none) != 0 {
			t.Fatal(none)
		}
	}
}

func TestGoV2Persistent(t *testing.T) {
	s := start(t, sut.Options{})
	a, b := goV2(t, s, ""), goV2(t, s, "")
	var seen told
	if err := b.Subscribe(&vo.SubscribeParam{ServiceName: "db", SubscribeCallback: seen.callback}); err != nil {
		t.Fatal(err)
	}
	ok, err := a.RegisterInstance(vo.RegisterInstanceParam{Ip: "10.0.0.9", Port: 3306, ServiceName: "db", Weight: 1, Enable: true, Healthy: true})
	must(t, ok, err)
	seen.want(t, "10.0.0.9:3306")
	if _, err := a.RegisterInstance(vo.RegisterInstanceParam{Ip: "10.0.0.8", Port: 1, ServiceName: "db", Weight: 1, Enable: true, Healthy: true, Ephemeral: true}); err == nil {
		t.Fatal("an ephemeral instance was registered in a persistent service")
	}
	ok, err = a.DeregisterInstance(vo.DeregisterInstanceParam{Ip: "10.0.0.9", Port: 3306, ServiceName: "db"})
	must(t, ok, err)
	seen.want(t)
}

// After a crash of the server, with nothing kept, its clients come back with
// all they had, and a subscriber is never told of an empty list between.
func TestGoV2ReconnectAfterRestart(t *testing.T) {
	s := start(t, sut.Options{})
	a, b := goV2(t, s, ""), goV2(t, s, "")
	for n := range 5 {
		ok, err := a.RegisterInstance(vo.RegisterInstanceParam{Ip: "10.0.0.1", Port: 80, ServiceName: fmt.Sprintf("s%d", n), Weight: 1, Enable: true, Healthy: true, Ephemeral: true})
		must(t, ok, err)
	}
	var seen told
	empty := 0
	callback := func(list []model.Instance, err error) {
		seen.callback(list, err)
		if len(list) == 0 {
			seen.mu.Lock()
			empty++
			seen.mu.Unlock()
		}
	}
	if err := b.Subscribe(&vo.SubscribeParam{ServiceName: "s3", SubscribeCallback: callback}); err != nil {
		t.Fatal(err)
	}
	seen.want(t, "10.0.0.1:80")
	s.Close()
	again := start(t, sut.Options{HTTP: s.HTTP, GRPC: s.GRPC, Settle: 6 * time.Second})
	eventually(t, "all services are back", func() bool {
		st := again.Registry.Stats()
		return st.Instances == 5 && st.Subscribers == 1
	})
	eventually(t, "the server is settled", again.Registry.Verified)
	ok, err := a.RegisterInstance(vo.RegisterInstanceParam{Ip: "10.0.0.2", Port: 80, ServiceName: "s3", Weight: 1, Enable: true, Healthy: true, Ephemeral: true})
	must(t, ok, err)
	seen.want(t, "10.0.0.2:80") // one instance per connection and service
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if empty != 0 {
		t.Fatalf("the subscriber was told of an empty list %d times", empty)
	}
}

func TestGoV2Disconnect(t *testing.T) {
	s := start(t, sut.Options{})
	a, b := goV2(t, s, ""), goV2(t, s, "")
	var seen told
	if err := b.Subscribe(&vo.SubscribeParam{ServiceName: "demo", SubscribeCallback: seen.callback}); err != nil {
		t.Fatal(err)
	}
	ok, err := a.RegisterInstance(vo.RegisterInstanceParam{Ip: "10.0.0.1", Port: 80, ServiceName: "demo", Weight: 1, Enable: true, Healthy: true, Ephemeral: true})
	must(t, ok, err)
	seen.want(t, "10.0.0.1:80")
	a.CloseClient()
	seen.want(t)
}

func v2instance(ip string, port int, service string) vo.RegisterInstanceParam {
	return vo.RegisterInstanceParam{Ip: ip, Port: uint64(port), ServiceName: service, Weight: 1, Enable: true, Healthy: true, Ephemeral: true}
}

func v2select(service string) vo.SelectInstancesParam {
	return vo.SelectInstancesParam{ServiceName: service, HealthyOnly: true}
}
