package shape

import (
	"strings"

	"github.com/musterhq/muster/server/registry"
)

// Pairs are metadata as clients send them: values that are no strings become
// their text, and null is nothing.
type Pairs map[string]string

// UnmarshalJSON reads an object.
func (p *Pairs) UnmarshalJSON(b []byte) error {
	s := &Scanner{b: b}
	s.Pairs(p)
	return s.err
}

// Instance is an instance as clients send it.
type Instance struct {
	InstanceID  string
	IP          string
	Port        int
	Weight      float64
	Healthy     bool
	Enabled     bool
	Ephemeral   bool
	ClusterName string
	Metadata    Pairs
}

// UnmarshalJSON reads an instance.
func (i *Instance) UnmarshalJSON(b []byte) error {
	s := &Scanner{b: b}
	i.Scan(s)
	return s.err
}

// Scan reads an instance. What is left out is as in Java's class.
func (i *Instance) Scan(s *Scanner) {
	*i = Instance{Weight: 1, Healthy: true, Enabled: true, Ephemeral: true}
	s.Object(i.field)
}

func (i *Instance) field(s *Scanner, name []byte) {
	switch string(name) {
	case "instanceId":
		s.Text(&i.InstanceID)
	case "ip":
		s.Text(&i.IP)
	case "port":
		s.Int(&i.Port)
	case "weight":
		s.Float(&i.Weight)
	case "healthy":
		s.Bool(&i.Healthy)
	case "enabled":
		s.Bool(&i.Enabled)
	case "ephemeral":
		s.Bool(&i.Ephemeral)
	case "clusterName":
		s.Text(&i.ClusterName)
	case "metadata":
		s.Pairs(&i.Metadata)
	}
}

// To makes the registry's instance of it.
func (i *Instance) To(key registry.ServiceKey) (registry.Instance, error) {
	if i.Port < 0 || i.Port > 65535 {
		return registry.Instance{}, &registry.InvalidError{Param: "port", Text: "Param 'port' is illegal, the value should be between 0 and 65535."}
	}
	out := registry.Instance{
		IP: i.IP, Port: uint16(i.Port), Cluster: i.ClusterName, Weight: i.Weight,
		Healthy: i.Healthy, Enabled: i.Enabled, Ephemeral: i.Ephemeral,
	}
	id := i.InstanceID
	if id != "" {
		// One that says no more than the instance itself does is not kept.
		c := out
		if c.Cluster == "" {
			c.Cluster = registry.DefaultCluster
		}
		if id == c.ID(key) || strings.Count(id, "#") == 3 {
			id = ""
		}
	}
	if len(id) > 512 {
		return registry.Instance{}, &registry.InvalidError{Param: "instanceId", Text: "Param 'instanceId' is illegal, the param length should not exceed 512."}
	}
	out.Meta = registry.NewMetadata(i.Metadata, id)
	return out, nil
}
