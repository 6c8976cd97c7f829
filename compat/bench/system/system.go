// Package system puts muster and hashicorp/memberlist behind one small
// interface, so that every measurement is written once and drives both alike.
package system

import (
	"fmt"
	"net"
)

// Node is one member of a cluster of either system.
type Node interface {
	// Addr is the address others join it at.
	Addr() string
	// Join makes contact with one seed and returns when its state is merged.
	Join(seed string) error
	// Members lists the names of the members it holds alive, itself included.
	Members() []string
	// Broadcast spreads a payload to every member.
	Broadcast(payload []byte) error
	// Send delivers a payload to one member reliably, SendPacket by one
	// datagram.
	Send(to string, payload []byte) error
	SendPacket(to string, payload []byte) error
	// Kill stops the node without telling anybody.
	Kill() error
}

// Asker is a Node whose system has requests.
type Asker interface {
	Node
	// Echo answers the requests for a topic with the question.
	Echo(topic string)
	// Ask puts a question to a member and checks that it comes back.
	Ask(to, topic string, payload []byte) error
}

// System starts nodes of one implementation.
type System interface {
	Name() string
	Start(Options) (Node, error)
}

// Options are what a measurement varies. Everything else is the system's
// LAN preset: names of the caller, loopback, a port chosen by the kernel, no
// metadata.
type Options struct {
	Name        string
	Compression bool
	Key         []byte // AES key; nil leaves encryption off
	Observer    Observer
	Traffic     *Traffic // shared by all nodes of a measurement

	// Spread makes the application pass a broadcast on at first receipt, where
	// the system leaves that to the application (memberlist does).
	Spread bool

	// Isolated replaces the sockets: packets are counted and dropped, dials
	// are answered by this function. Probing and push/pull are off, gossip
	// runs every millisecond, so that a queue drains soon.
	Isolated func(net.Conn)
}

// Observer is told what a node sees. Any field may be nil; the functions are
// called from the system's own goroutines and must be quick.
type Observer struct {
	Joined    func(name string)
	Gone      func(name string) // declared dead, or left
	Suspected func(name string) // by a probe or by hearsay
	Message   func(payload []byte)
	Warned    func() // the system logged a warning or an error
}

// Named returns the system with that name.
func Named(name string) (System, error) {
	for _, s := range All() {
		if s.Name() == name {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no system is called %q", name)
}
