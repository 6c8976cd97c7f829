package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// A Key names a service.
type Key struct{ Namespace, Group, Name string }

func (k Key) values() url.Values {
	return url.Values{"namespaceId": {k.Namespace}, "groupName": {k.Group}, "serviceName": {k.Name}}
}

// pageSize is how many services are asked for at a time.
const pageSize = 500

// Services returns the services whose group and name contain what is given,
// at most limit.
func (c *Client) Services(ctx context.Context, namespace, group, name string, limit int) ([]Service, error) {
	out := []Service{} // JSON wants [] and not null
	for page := 1; len(out) < limit; page++ {
		q := url.Values{
			"namespaceId": {namespace}, "groupNameParam": {group}, "serviceNameParam": {name}, "ignoreEmptyService": {"false"},
			"pageNo": {strconv.Itoa(page)}, "pageSize": {strconv.Itoa(min(pageSize, limit))},
		}
		type item struct {
			Name                                        string
			GroupName                                   string
			ClusterCount, IPCount, HealthyInstanceCount int
			TriggerFlag                                 string
		}
		p, err := ask[struct {
			PageItems      []item
			PagesAvailable int
		}](ctx, c, http.MethodGet, "/nacos/v3/admin/ns/service/list", q, nil)
		if err != nil {
			return nil, err
		}
		for _, s := range p.PageItems {
			out = append(out, Service{
				Namespace: cmp.Or(namespace, "public"), Group: s.GroupName, Name: s.Name, Clusters: s.ClusterCount,
				Instances: s.IPCount, Healthy: s.HealthyInstanceCount, Protected: s.TriggerFlag == "true",
			})
		}
		if len(p.PageItems) == 0 || page >= p.PagesAvailable {
			break
		}
	}
	return out[:min(len(out), limit)], nil
}

// Service returns one service.
func (c *Client) Service(ctx context.Context, k Key) (s ServiceDetail, err error) {
	type cluster struct {
		ClusterName   string
		HealthChecker struct{ Type string }
		Metadata      map[string]string
	}
	a, err := ask[struct {
		NamespaceID      string `json:"namespaceId"`
		Namespace        string
		GroupName        string
		ServiceName      string
		Ephemeral        bool
		ProtectThreshold float64
		Metadata         map[string]string
		Selector         struct{ Type string }
		ClusterMap       map[string]cluster
	}](ctx, c, http.MethodGet, "/nacos/v3/admin/ns/service", k.values(), nil)
	if err != nil {
		return s, err
	}
	s = ServiceDetail{
		Namespace: cmp.Or(a.NamespaceID, a.Namespace, "public"), Group: a.GroupName, Name: a.ServiceName, Ephemeral: a.Ephemeral,
		ProtectThreshold: a.ProtectThreshold, Metadata: a.Metadata, Selector: a.Selector.Type, Clusters: []ServiceCluster{},
	}
	for name, cl := range a.ClusterMap {
		s.Clusters = append(s.Clusters, ServiceCluster{cmp.Or(cl.ClusterName, name), cl.HealthChecker.Type, cl.Metadata})
	}
	slices.SortFunc(s.Clusters, func(a, b ServiceCluster) int { return cmp.Compare(a.Name, b.Name) })
	q := k.values()
	q.Set("pageNo", "1")
	q.Set("pageSize", "1")
	subs, err := ask[struct{ TotalCount int }](ctx, c, http.MethodGet, "/nacos/v3/admin/ns/service/subscribers", q, nil)
	s.Subscribers = subs.TotalCount
	return s, err
}

// Instances returns those of a service, of all its clusters or of one.
func (c *Client) Instances(ctx context.Context, k Key, cluster string, healthyOnly bool) ([]Instance, error) {
	q := k.values()
	if cluster != "" {
		q.Set("clusterName", cluster)
	}
	q.Set("healthyOnly", strconv.FormatBool(healthyOnly))
	type item struct {
		IP                          string
		Port                        int
		ClusterName                 string
		Weight                      float64
		Healthy, Enabled, Ephemeral bool
		Metadata                    map[string]string
	}
	list, err := ask[[]item](ctx, c, http.MethodGet, "/nacos/v3/admin/ns/instance/list", q, nil)
	if err != nil {
		return nil, err
	}
	out := []Instance{} // JSON wants [] and not null
	for _, i := range list {
		out = append(out, Instance{i.IP, i.Port, i.ClusterName, i.Weight, i.Healthy, i.Enabled, i.Ephemeral, i.Metadata})
	}
	return out, nil
}

// Register registers an instance. An ephemeral one goes when nobody beats for
// it.
func (c *Client) Register(ctx context.Context, k Key, i Instance) error {
	form := k.instance(i)
	meta, err := json.Marshal(i.Metadata)
	if err != nil {
		return err
	}
	form.Set("weight", strconv.FormatFloat(i.Weight, 'g', -1, 64))
	form.Set("enabled", strconv.FormatBool(i.Enabled))
	form.Set("healthy", strconv.FormatBool(i.Healthy))
	if len(i.Metadata) > 0 {
		form.Set("metadata", string(meta))
	}
	_, err = ask[string](ctx, c, http.MethodPost, "/nacos/v3/admin/ns/instance", nil, form)
	return err
}

// Deregister takes an instance out that was registered by [Client.Register].
func (c *Client) Deregister(ctx context.Context, k Key, i Instance) error {
	_, err := ask[string](ctx, c, http.MethodDelete, "/nacos/v3/admin/ns/instance", k.instance(i), nil)
	return err
}

func (k Key) instance(i Instance) url.Values {
	v := k.values()
	v.Set("ip", i.IP)
	v.Set("port", strconv.Itoa(i.Port))
	v.Set("ephemeral", strconv.FormatBool(i.Ephemeral))
	if i.Cluster != "" {
		v.Set("clusterName", i.Cluster)
	}
	return v
}

// Namespaces returns all that were created, and the default one.
func (c *Client) Namespaces(ctx context.Context) ([]Namespace, error) {
	list, err := ask[[]struct{ Namespace, NamespaceShowName, NamespaceDesc string }](ctx, c, http.MethodGet, "/nacos/v3/admin/core/namespace/list", nil, nil)
	if err != nil {
		return nil, err
	}
	out := []Namespace{}
	for _, n := range list {
		out = append(out, Namespace{cmp.Or(n.Namespace, "public"), n.NamespaceShowName, n.NamespaceDesc})
	}
	return out, nil
}

// CreateNamespace creates a namespace.
func (c *Client) CreateNamespace(ctx context.Context, n Namespace) error {
	form := url.Values{"customNamespaceId": {n.ID}, "namespaceId": {n.ID}, "namespaceName": {n.Name}, "namespaceDesc": {n.Description}}
	_, err := ask[json.RawMessage](ctx, c, http.MethodPost, "/nacos/v3/admin/core/namespace", nil, form)
	return err
}

// DeleteNamespace forgets a namespace. What is registered in it stays. Nacos'
// API deletes what is not there as well; who names a namespace wants to hear.
func (c *Client) DeleteNamespace(ctx context.Context, id string) error {
	const path = "/nacos/v3/admin/core/namespace"
	if _, err := ask[json.RawMessage](ctx, c, http.MethodGet, path, url.Values{"namespaceId": {id}}, nil); err != nil {
		return err
	}
	_, err := ask[json.RawMessage](ctx, c, http.MethodDelete, path, url.Values{"namespaceId": {id}}, nil)
	return err
}
