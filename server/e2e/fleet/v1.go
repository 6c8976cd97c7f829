package fleet

import (
	"fmt"
	"os"
	"time"

	clients1 "github.com/nacos-group/nacos-sdk-go/clients"
	constant1 "github.com/nacos-group/nacos-sdk-go/common/constant"
	vo1 "github.com/nacos-group/nacos-sdk-go/vo"
)

// ProvideByHTTP starts a client of 1.x, which has no connection and beats every
// five seconds, now at this server and now at that. It cannot be ended.
func (f *Fleet) ProvideByHTTP(n int) (*Provider, error) {
	dir, err := os.MkdirTemp(f.dir, "client1")
	if err != nil {
		return nil, err
	}
	var servers []constant1.ServerConfig
	for _, s := range f.addrs {
		servers = append(servers, constant1.ServerConfig{IpAddr: s.IP, Port: uint64(s.HTTP), ContextPath: "/nacos", Scheme: "http"})
	}
	c, err := clients1.NewNamingClient(vo1.NacosClientParam{
		ClientConfig: &constant1.ClientConfig{
			TimeoutMs: 3000, NotLoadCacheAtStart: true, LogDir: dir, CacheDir: dir, LogLevel: "warn", UpdateCacheWhenEmpty: true,
		},
		ServerConfigs: servers,
	})
	if err != nil {
		return nil, err
	}
	ip := fmt.Sprintf("10.2.%d.%d", n/250, n%250+1)
	ok, err := c.RegisterInstance(vo1.RegisterInstanceParam{
		Ip: ip, Port: 8080, ServiceName: Service, Weight: 1, Enable: true, Healthy: true, Ephemeral: true,
	})
	if err != nil || !ok {
		return nil, fmt.Errorf("registering %s: %t, %w", ip, ok, err)
	}
	p := &Provider{Addr: ip, born: time.Now(), close: func() {}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.providers[p.Addr] = p
	return p, nil
}
