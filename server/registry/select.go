package registry

import "strings"

// A Query says which instances of a service are asked for.
type Query struct {
	Clusters    string // names with commas; "" is all
	HealthyOnly bool
	Consumer    string // address of who asks
}

// A Selection is the answer to a query.
type Selection struct {
	Hosts []*Instance
	// Protected: so few instances are healthy that all are given as healthy,
	// for to send all callers to the few would bring these down too.
	Protected bool
}

// Variant returns under which name the encoded answer to q is kept.
func (v *View) Variant(form uint8, q Query) Variant {
	out := Variant{Form: form, HealthyOnly: q.HealthyOnly, Clusters: q.Clusters}
	if v.selects() {
		out.Consumer = q.Consumer
	}
	return out
}

func (v *View) selects() bool {
	return v.reg.labels != nil && v.Declaration != nil && v.Declaration.Selector.Type == "label"
}

// Select returns the instances that a caller is given: enabled ones of the
// clusters asked for, chosen by the service's selector, protected.
func (v *View) Select(q Query) Selection {
	wanted := splitClusters(q.Clusters)
	all := make([]*Instance, 0, len(v.Hosts))
	for _, h := range v.Hosts {
		if h.Enabled && inClusters(wanted, h.Cluster) {
			all = append(all, h)
		}
	}
	if v.selects() {
		all = v.reg.selectLabels(v.Declaration.Selector.Expression, q.Consumer, all)
	}
	healthy := 0
	for _, h := range all {
		if h.Healthy {
			healthy++
		}
	}
	if v.Declaration != nil && len(all) > 0 && float64(healthy)/float64(len(all)) <= v.Declaration.Threshold {
		return Selection{Hosts: asHealthy(all), Protected: true}
	}
	if !q.HealthyOnly || healthy == len(all) {
		return Selection{Hosts: all}
	}
	few := make([]*Instance, 0, healthy)
	for _, h := range all {
		if h.Healthy {
			few = append(few, h)
		}
	}
	return Selection{Hosts: few}
}

// InCluster returns all instances of the clusters named, as they are.
func (v *View) InCluster(clusters string) []*Instance {
	wanted := splitClusters(clusters)
	if len(wanted) == 0 {
		return v.Hosts
	}
	var out []*Instance
	for _, h := range v.Hosts {
		if inClusters(wanted, h.Cluster) {
			out = append(out, h)
		}
	}
	return out
}

func asHealthy(hosts []*Instance) []*Instance {
	out := make([]*Instance, len(hosts))
	for i, h := range hosts {
		if !h.Healthy {
			c := *h
			c.Healthy = true
			h = &c
		}
		out[i] = h
	}
	return out
}

func splitClusters(s string) []string {
	if strings.TrimSpace(s) == "" {
		return nil
	}
	names := strings.Split(s, ",")
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	return names
}

func inClusters(wanted []string, name string) bool {
	if len(wanted) == 0 {
		return true
	}
	for _, w := range wanted {
		if w == name {
			return true
		}
	}
	return false
}

// CheckClusters checks a list of clusters that a client sent.
func (r *Registry) CheckClusters(s string) error {
	names := splitClusters(s)
	if len(names) > r.limits.ClustersPerQuery {
		return invalid("clusters", "Param 'clusters' is illegal, it has more than %d names.", r.limits.ClustersPerQuery)
	}
	for _, n := range names {
		if err := checkCluster(n); err != nil {
			return err
		}
	}
	return nil
}
