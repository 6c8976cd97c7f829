package main

import (
	"strings"

	"github.com/nacos-group/nacos-sdk-go/model"
	"github.com/nacos-group/nacos-sdk-go/vo"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

func (d *driver) list(r protocol.Request) (any, error) {
	got, err := d.client.SelectAllInstances(vo.SelectAllInstancesParam{ServiceName: r.Service, GroupName: r.Group, Clusters: r.Clusters})
	return protocol.List{Instances: instances(got)}, unlessEmpty(err)
}

func (d *driver) selectSome(r protocol.Request) (any, error) {
	got, err := d.client.SelectInstances(vo.SelectInstancesParam{
		ServiceName: r.Service, GroupName: r.Group, Clusters: r.Clusters, HealthyOnly: r.Healthy,
	})
	return protocol.List{Instances: instances(got)}, unlessEmpty(err)
}

func (d *driver) selectOne(r protocol.Request) (any, error) {
	got, err := d.client.SelectOneHealthyInstance(vo.SelectOneHealthInstanceParam{ServiceName: r.Service, GroupName: r.Group, Clusters: r.Clusters})
	if err != nil || got == nil {
		return protocol.One{}, unlessEmpty(err)
	}
	i := instance(*got)
	return protocol.One{Instance: &i}, nil
}

// unlessEmpty drops the error by which the library says that there are none.
func unlessEmpty(err error) error {
	if err != nil && (strings.Contains(err.Error(), "instance list is empty") || strings.Contains(err.Error(), "hosts is empty")) {
		return nil
	}
	return err
}

func instances(list []model.Instance) []protocol.Instance {
	out := []protocol.Instance{}
	for _, i := range list {
		out = append(out, instance(i))
	}
	return out
}

func instance(i model.Instance) protocol.Instance {
	return protocol.Instance{
		IP: i.Ip, Port: int(i.Port), Weight: i.Weight, Healthy: i.Healthy, Enabled: i.Enable, Ephemeral: &i.Ephemeral,
		Cluster: i.ClusterName, Service: protocol.Plain(i.ServiceName), Metadata: i.Metadata,
	}
}

// told translates what a subscriber gets, which does not say whether an
// instance is ephemeral.
func told(list []model.SubscribeService) []protocol.Instance {
	out := []protocol.Instance{}
	for _, i := range list {
		out = append(out, protocol.Instance{
			IP: i.Ip, Port: int(i.Port), Weight: i.Weight, Healthy: i.Healthy, Enabled: i.Enable,
			Cluster: i.ClusterName, Service: protocol.Plain(i.ServiceName), Metadata: i.Metadata,
		})
	}
	return out
}

// A subscription is kept because the library knows it by its pointer.
type subscription struct{ param *vo.SubscribeParam }

func key(r protocol.Request) string {
	return r.Group + "@@" + r.Service + "@@" + strings.Join(r.Clusters, ",")
}

func (d *driver) subscribe(r protocol.Request) error {
	p := &vo.SubscribeParam{ServiceName: r.Service, GroupName: r.Group, Clusters: r.Clusters, SubscribeCallback: func(list []model.SubscribeService, err error) {
		if unlessEmpty(err) == nil {
			_ = d.out.Changed(r.Service, r.Group, told(list)) // whoever reads is gone, and this process ends
		}
	}}
	if err := d.client.Subscribe(p); err != nil {
		return err
	}
	d.subscriptions[key(r)] = &subscription{p}
	return nil
}

func (d *driver) unsubscribe(r protocol.Request) error {
	s := d.subscriptions[key(r)]
	if s == nil {
		return nil
	}
	delete(d.subscriptions, key(r))
	return d.client.Unsubscribe(s.param)
}
