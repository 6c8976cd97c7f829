package registry

import (
	"math"
	"strconv"
	"strings"
)

// An Instance is one place where a service is to be had. Once published it is
// never changed, only replaced.
type Instance struct {
	IP      string // an address, or a host's name
	Cluster string // "" is DefaultCluster
	Meta    *Metadata
	Weight  float64
	Port    uint16

	Healthy   bool
	Enabled   bool // false: taken out by its operator
	Ephemeral bool
}

// Key returns what tells it from the other instances of its service.
func (i *Instance) Key() InstanceKey { return InstanceKey{i.IP, i.Port, i.Cluster} }

// Addr returns its address as IP:port.
func (i *Instance) Addr() string { return i.IP + ":" + strconv.Itoa(int(i.Port)) }

// ID returns the name of the instance within its service.
func (i *Instance) ID(svc ServiceKey) string {
	if id := i.Meta.instanceID(); id != "" {
		return id
	}
	return i.IP + "#" + strconv.Itoa(int(i.Port)) + "#" + i.Cluster + "#" + svc.Grouped()
}

// CustomID returns the id that its client chose, "" if it chose none.
func (i *Instance) CustomID() string { return i.Meta.instanceID() }

func (i *Instance) same(o *Instance) bool {
	return i.IP == o.IP && i.Port == o.Port && i.Cluster == o.Cluster
}

func (i *Instance) equal(o *Instance) bool {
	return i.same(o) && i.Weight == o.Weight && i.Healthy == o.Healthy && i.Enabled == o.Enabled &&
		i.Ephemeral == o.Ephemeral && i.Meta.equal(o.Meta)
}

func equalInstances(a, b []Instance) bool {
	if len(a) != len(b) {
		return false
	}
	for n := range a {
		if !a[n].equal(&b[n]) {
			return false
		}
	}
	return true
}

// What an instance may be.
const (
	MaxWeight = 10000
	MinWeight = 0.01 // of weights that are not zero
	maxIP     = 128
)

// normalize fills in what was left out and checks the rest. It leaves no
// string that is part of a request.
func (l *Limits) normalize(i *Instance) error {
	if i.Cluster == "" {
		i.Cluster = DefaultCluster
	}
	if err := checkIP(i.IP); err != nil {
		return err
	}
	if err := checkCluster(i.Cluster); err != nil {
		return err
	}
	if math.IsNaN(i.Weight) || i.Weight < 0 || i.Weight > MaxWeight {
		return invalid("weight", "instance format invalid: The weights range from 0.0 to %d.0", MaxWeight)
	}
	if i.Weight > 0 && i.Weight < MinWeight {
		i.Weight = MinWeight
	}
	if err := l.checkMetadata(i.Meta); err != nil {
		return err
	}
	if i.Meta.BeatTimeout() < i.Meta.BeatInterval() || i.Meta.DeleteAfter() < i.Meta.BeatInterval() {
		return invalid("metadata", "instance format invalid: 'heart beat interval' must less than 'heart beat timeout' and 'ip delete timeout'.")
	}
	i.IP = strings.Clone(i.IP)
	if i.Cluster == DefaultCluster {
		i.Cluster = DefaultCluster // the constant's memory
	}
	return nil
}
