package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/nacos-group/nacos-sdk-go/v2/clients"
	"github.com/nacos-group/nacos-sdk-go/v2/common/constant"
	"github.com/nacos-group/nacos-sdk-go/v2/vo"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// version is the one in go.mod.
const version = "2.3.5"

func (d *driver) connect(r protocol.Request) error {
	dir, err := os.MkdirTemp("", "conformance-go-v2-")
	if err != nil {
		return err
	}
	p := vo.NacosClientParam{ClientConfig: &constant.ClientConfig{
		NamespaceId: r.Namespace, Username: r.User, Password: r.Password, TimeoutMs: 5000,
		NotLoadCacheAtStart: true, UpdateCacheWhenEmpty: true, DisableUseSnapShot: true, LogDir: dir, CacheDir: dir, LogLevel: "warn",
	}}
	for _, s := range r.Servers {
		host, text, err := net.SplitHostPort(s)
		if err != nil {
			return err
		}
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil {
			return err
		}
		p.ServerConfigs = append(p.ServerConfigs, constant.ServerConfig{IpAddr: host, Port: port, ContextPath: "/nacos", Scheme: "http"})
	}
	d.client, err = clients.NewNamingClient(p)
	return err
}

// done makes one error of the two ways in which the library says no.
func done(ok bool, err error) error {
	if err == nil && !ok {
		return errors.New("the library answered false")
	}
	return err
}

func registration(r protocol.Request) vo.RegisterInstanceParam {
	return vo.RegisterInstanceParam{
		Ip: r.IP, Port: uint64(r.Port), Weight: r.Weight, Enable: r.Enabled, Healthy: r.Healthy, Metadata: r.Metadata,
		ClusterName: r.Cluster, ServiceName: r.Service, GroupName: r.Group, Ephemeral: r.Ephemeral,
	}
}

func batch(r protocol.Request) vo.BatchRegisterInstanceParam {
	p := vo.BatchRegisterInstanceParam{ServiceName: r.Service, GroupName: r.Group}
	for _, i := range r.Instances {
		p.Instances = append(p.Instances, vo.RegisterInstanceParam{
			Ip: i.IP, Port: uint64(i.Port), Weight: i.Weight, Enable: true, Healthy: true, Metadata: i.Metadata,
			ClusterName: i.Cluster, Ephemeral: true,
		})
	}
	return p
}

func deregistration(r protocol.Request) vo.DeregisterInstanceParam {
	return vo.DeregisterInstanceParam{
		Ip: r.IP, Port: uint64(r.Port), Cluster: r.Cluster, ServiceName: r.Service, GroupName: r.Group, Ephemeral: r.Ephemeral,
	}
}

func (d *driver) services(r protocol.Request) (any, error) {
	got, err := d.client.GetAllServicesInfo(vo.GetAllServiceInfoParam{
		NameSpace: r.Namespace, GroupName: r.Group, PageNo: uint32(r.Page), PageSize: uint32(r.Size),
	})
	if err != nil {
		return nil, fmt.Errorf("page %d: %w", r.Page, err)
	}
	return protocol.Services{Count: int(got.Count), Services: got.Doms}, nil
}

func (d *driver) status() protocol.Status {
	if d.client.ServerHealthy() {
		return protocol.Status{Status: "UP"}
	}
	return protocol.Status{Status: "DOWN"}
}
