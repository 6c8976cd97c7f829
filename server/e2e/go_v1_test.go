package e2e

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	clients1 "github.com/nacos-group/nacos-sdk-go/clients"
	naming1 "github.com/nacos-group/nacos-sdk-go/clients/naming_client"
	constant1 "github.com/nacos-group/nacos-sdk-go/common/constant"
	model1 "github.com/nacos-group/nacos-sdk-go/model"
	vo1 "github.com/nacos-group/nacos-sdk-go/vo"

	"github.com/musterhq/muster/server/e2e/sut"
)

func goV1(t *testing.T, s *sut.Server, namespace string) naming1.INamingClient {
	t.Helper()
	dir, err := os.MkdirTemp("", "nacos-go1") // not t.TempDir: the client writes there after its end
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	c, err := clients1.NewNamingClient(vo1.NacosClientParam{
		ClientConfig: &constant1.ClientConfig{
			NamespaceId: namespace, TimeoutMs: 3000, NotLoadCacheAtStart: true, LogDir: dir, CacheDir: dir, LogLevel: "error",
			UpdateCacheWhenEmpty: true, BeatInterval: 1000,
		},
		ServerConfigs: []constant1.ServerConfig{{IpAddr: "127.0.0.1", Port: uint64(s.HTTP), ContextPath: "/nacos", Scheme: "http"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func addrs1(list []model1.SubscribeService) []string {
	out := []string{}
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s:%d", i.Ip, i.Port))
	}
	slices.Sort(out)
	return out
}

// A 1.x client registers, beats, subscribes and is pushed to by UDP; a 2.x
// client sees the same.
func TestGoV1AndV2SeeTheSame(t *testing.T) {
	s := start(t, sut.Options{})
	one, two := goV1(t, s, ""), goV2(t, s, "")

	lists := make(chan []string, 1000)
	err := one.Subscribe(&vo1.SubscribeParam{ServiceName: "demo", SubscribeCallback: func(list []model1.SubscribeService, err error) {
		lists <- addrs1(list)
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := func(want ...string) {
		t.Helper()
		deadline := time.After(15 * time.Second)
		for {
			select {
			case got := <-lists:
				if slices.Equal(got, want) {
					return
				}
			case <-deadline:
				t.Fatalf("was not told of %v", want)
			}
		}
	}
	ok, err := one.RegisterInstance(vo1.RegisterInstanceParam{Ip: "10.0.0.1", Port: 80, ServiceName: "demo", Weight: 1, Enable: true, Healthy: true, Ephemeral: true, Metadata: map[string]string{"k": "v"}})
	must(t, ok, err)
	want("10.0.0.1:80")
	begin := time.Now()
	ok, err = two.RegisterInstance(v2instance("10.0.0.2", 80, "demo"))
	must(t, ok, err)
	want("10.0.0.1:80", "10.0.0.2:80")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the 1.x client was told after %v: by its question, not by a push", took)
	}
	eventually(t, "a 2.x client sees both", func() bool {
		list, err := two.SelectInstances(v2select("demo"))
		return err == nil && slices.Equal(addrs(list), []string{"10.0.0.1:80", "10.0.0.2:80"})
	})

	// It beats every second, and stays.
	eventually(t, "its beats are taken", func() bool {
		_, pubs, ok := s.Registry.Client("10.0.0.1:80#true")
		return ok && len(pubs) == 1 && pubs[0].Instances[0].Healthy
	})
	ok, err = one.DeregisterInstance(vo1.DeregisterInstanceParam{Ip: "10.0.0.1", Port: 80, ServiceName: "demo", Ephemeral: true})
	must(t, ok, err)
	want("10.0.0.2:80")

	ok, err = one.RegisterInstance(vo1.RegisterInstanceParam{Ip: "10.0.0.3", Port: 80, ServiceName: "persistent", Weight: 1, Enable: true, Healthy: true})
	must(t, ok, err)
	svc, err := one.GetService(vo1.GetServiceParam{ServiceName: "persistent"})
	if err != nil || len(svc.Hosts) != 1 || svc.Hosts[0].Ip != "10.0.0.3" {
		t.Fatal(svc, err)
	}
	all, err := one.GetAllServicesInfo(vo1.GetAllServiceInfoParam{PageNo: 1, PageSize: 10})
	if err != nil || all.Count != 2 {
		t.Fatal(all, err)
	}
}
