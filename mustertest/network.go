package mustertest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/musterhq/muster"
)

// Options of a Network.
type Options struct {
	// Seed decides over loss and delay. Zero draws one; Network.Seed tells it.
	Seed uint64
}

// Network connects transports in memory. Its methods may be called at any time
// and from anywhere, callbacks of nodes included. Those that take the name of a
// transport panic for one that was never mentioned to Addr, Transport or
// Listen: a cut that cuts nothing would let a test pass for the wrong reason.
type Network struct {
	seed uint64
	told sync.Once // who is to log the seed

	mu      sync.Mutex // guards what follows, and all that belongs to the network
	names   map[string]netip.AddrPort
	nameOf  map[netip.AddrPort]string
	hosts   uint32
	started int // nodes
	ports   uint16
	open    map[netip.AddrPort]*transport
	links   map[pair]*link
	epoch   uint64 // of the settings; links look theirs up anew when it grows
	rules   map[pair]Link
	blocked map[pair]bool
	groups  map[netip.AddrPort]int
	filter  func(Packet) bool
	conns   map[*conn]bool // the dialling ends of streams that are not over
	flights flights
	timer   *time.Timer
	armed   time.Time
}

// Any stands for every transport where a link is named.
const Any = "*"

// NewNetwork returns a network whose links are those of a [LAN].
func NewNetwork(o Options) *Network {
	for o.Seed == 0 {
		o.Seed = rand.Uint64()
	}
	return &Network{
		seed:    o.Seed,
		names:   make(map[string]netip.AddrPort),
		nameOf:  make(map[netip.AddrPort]string),
		ports:   ephemeral,
		open:    make(map[netip.AddrPort]*transport),
		links:   make(map[pair]*link),
		epoch:   1,
		rules:   map[pair]Link{{}: LAN()},
		blocked: make(map[pair]bool),
		groups:  make(map[netip.AddrPort]int),
		conns:   make(map[*conn]bool),
	}
}

// ephemeral is the first port given to whoever asks for any.
const ephemeral = 32768

// nodeSeed returns a seed for a node: another one for each name and each start,
// since a process that restarts is another process.
func (n *Network) nodeSeed(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	n.mu.Lock()
	defer n.mu.Unlock()
	n.started++
	return (n.seed + uint64(n.started)*0x9e3779b97f4a7c15) ^ h.Sum64() | 1
}

// Seed returns what repeats the run.
func (n *Network) Seed() uint64 { return n.seed }

// Addr returns the address of the transport of that name, which need not exist
// yet: 10.0.0.1:7946 for the first name, 10.0.0.2:7946 for the second. A name
// keeps its address.
func (n *Network) Addr(name string) netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.reserve(name)
}

func (n *Network) reserve(name string) netip.AddrPort {
	if name == "" || name == Any {
		panic(fmt.Sprintf("mustertest: %q is no name for a transport", name))
	}
	if a, ok := n.names[name]; ok {
		return a
	}
	for {
		n.hosts++
		ip := netip.AddrFrom4([4]byte{10, byte(n.hosts >> 16), byte(n.hosts >> 8), byte(n.hosts)})
		a := netip.AddrPortFrom(ip, muster.DefaultPort)
		if _, taken := n.nameOf[a]; !taken {
			n.names[name], n.nameOf[a] = a, name
			return a
		}
	}
}

// Name returns the name of the transport at an address, "" if there is none.
func (n *Network) Name(a netip.AddrPort) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nameOf[a]
}

// Transport opens the transport of that name, at Addr(name). After it was
// closed the name may be opened again, as after a restart; while it is open
// Transport panics.
func (n *Network) Transport(name string) muster.Transport {
	n.mu.Lock()
	defer n.mu.Unlock()
	t, err := n.listen(n.reserve(name))
	if err != nil {
		panic(fmt.Sprintf("mustertest: transport %q: %v; close the one before first", name, err))
	}
	return t
}

// Listen opens a transport at an address of its own choice, "10.1.2.3:7946" or
// "[fd00::1]:7946", which is also its name. Port 0 takes any that is free.
func (n *Network) Listen(addr string) (muster.Transport, error) {
	a, err := netip.ParseAddrPort(addr)
	if err != nil {
		return nil, fmt.Errorf("mustertest: listen: %w", err)
	}
	if a.Addr().IsUnspecified() {
		return nil, fmt.Errorf("mustertest: listen at %v: an address that others can name is needed", a)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	a = netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
	if a.Port() == 0 {
		a = n.anyPort(a.Addr())
	}
	if _, known := n.nameOf[a]; !known {
		n.names[a.String()], n.nameOf[a] = a, a.String()
	}
	t, err := n.listen(a)
	if err != nil {
		return nil, fmt.Errorf("mustertest: listen at %v: %w", a, err)
	}
	return t, nil
}

// errInUse says that the network was left as it was.
var errInUse = errors.New("address already in use")

func (n *Network) listen(a netip.AddrPort) (*transport, error) {
	if n.open[a] != nil {
		return nil, errInUse
	}
	t := &transport{net: n, addr: a}
	t.packetsWake.L, t.streamsWake.L = &n.mu, &n.mu
	n.open[a] = t
	return t, nil
}

// anyPort returns an address with a port that nothing listens at.
func (n *Network) anyPort(ip netip.Addr) netip.AddrPort {
	for {
		a := netip.AddrPortFrom(ip, n.ports)
		if n.ports++; n.ports < ephemeral {
			n.ports = ephemeral
		}
		if n.open[a] == nil {
			return a
		}
	}
}

// find returns the address that a user names; the zero address for Any.
func (n *Network) find(name string) netip.AddrPort {
	if name == Any {
		return netip.AddrPort{}
	}
	a, ok := n.names[name]
	if !ok {
		known := slices.Sorted(maps.Keys(n.names))
		panic(fmt.Sprintf("mustertest: no transport is named %q (there are: %s); Addr names one that is yet to come", name, strings.Join(known, ", ")))
	}
	return a
}
