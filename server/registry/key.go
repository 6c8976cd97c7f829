package registry

import (
	"strconv"
	"strings"
	"sync"
)

// What a name is when a client gives none.
const (
	DefaultNamespace = "public"
	DefaultGroup     = "DEFAULT_GROUP"
	DefaultCluster   = "DEFAULT"
)

// groupSeparator joins group and service to one name, as clients do.
const groupSeparator = "@@"

// A ServiceKey names a service.
type ServiceKey struct {
	Namespace, Group, Name string
}

// Grouped returns the service's name with its group.
func (k ServiceKey) Grouped() string { return k.Group + groupSeparator + k.Name }

// String returns the name that clients know the service by across namespaces.
func (k ServiceKey) String() string {
	return k.Namespace + groupSeparator + k.Group + groupSeparator + k.Name
}

// Key makes a ServiceKey of what a client sent: a name that may carry its
// group, a group and a namespace that may be empty.
func Key(namespace, group, name string) ServiceKey {
	if g, n, ok := strings.Cut(name, groupSeparator); ok {
		if g != "" {
			group = g
		}
		name = n
	}
	if namespace == "" {
		namespace = DefaultNamespace
	}
	if group == "" {
		group = DefaultGroup
	}
	return ServiceKey{namespace, group, name}
}

// A ClientID names one client of the cluster: a connection, or for clients
// that have none, the address of the instance they beat for.
type ClientID string

// AddressClient returns the id of a client that has no connection.
func AddressClient(ip string, port uint16, ephemeral bool) ClientID {
	return ClientID(ip + ":" + strconv.Itoa(int(port)) + "#" + strconv.FormatBool(ephemeral))
}

// An InstanceKey tells the instances of one service apart.
type InstanceKey struct {
	IP      string
	Port    uint16
	Cluster string
}

func (k InstanceKey) String() string {
	return k.IP + ":" + strconv.Itoa(int(k.Port)) + ":" + k.Cluster
}

// names keeps one copy of each namespace's and group's name, for as long as a
// service uses it: millions of instances are in a handful of groups.
type names struct {
	mu   sync.Mutex
	used map[string]*nameUse
}

type nameUse struct {
	name  string
	count int
}

func (n *names) acquire(s string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	u := n.used[s]
	if u == nil {
		if n.used == nil {
			n.used = make(map[string]*nameUse)
		}
		s = strings.Clone(s) // a part of a request must not keep it in memory
		u = &nameUse{name: s}
		n.used[s] = u
	}
	u.count++
	return u.name
}

func (n *names) release(s string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u := n.used[s]; u != nil {
		if u.count--; u.count == 0 {
			delete(n.used, s)
		}
	}
}
