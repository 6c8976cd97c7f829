package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

var (
	errUnknownMember = errors.New("no such member")
	errNoKeyring     = errors.New("encryption is off")
	errNoFaults      = errors.New("started without --debug-faults")
	errUnknownOp     = errors.New("unknown operation")
)

// node is a memberlist with what an application usually adds around it: a
// table of members fed by events, a broadcast queue, an inbox.
type node struct {
	list    *memberlist.Memberlist
	config  *memberlist.Config
	members *memberTable
	inbox   *delegate
	faults  *faultyTransport // nil without --debug-faults
	lines   *feed[string]    // memberlist's own WARN and ERR lines

	leaving   sync.Once
	leaveErr  error
	left      chan struct{} // closed when a requested leave is over
	done      chan struct{} // closed when the process is ending; streams stop
	endStream sync.Once
}

// startNode brings up a memberlist. Nothing in its configuration is changed
// but what the command line asks for.
func startNode(o options) (*node, error) {
	n := &node{
		lines: newFeed[string](),
		left:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	n.members = newMemberTable()
	n.inbox = newDelegate([]byte(o.meta), !o.noRebroadcast)

	c, err := preset(o.profile)
	if err != nil {
		return nil, err
	}
	c.Name = o.name
	c.BindAddr, c.BindPort, c.AdvertisePort = o.bindHost, o.bindPort, o.bindPort
	if o.advertiseHost != "" {
		c.AdvertiseAddr, c.AdvertisePort = o.advertiseHost, o.advertisePort
	}
	c.Label = o.label
	c.EnableCompression = !o.noCompression
	c.Delegate = n.inbox
	c.Events = n.members
	c.Logger = log.New(io.MultiWriter(os.Stderr, &lineFilter{to: n.lines}), "", log.LstdFlags|log.Lmicroseconds)
	if len(o.keys) > 0 {
		if c.Keyring, err = memberlist.NewKeyring(o.keys, o.keys[0]); err != nil {
			return nil, fmt.Errorf("build the key ring: %w", err)
		}
	}
	if o.debugFaults {
		if n.faults, err = newFaultyTransport(c); err != nil {
			return nil, err
		}
		c.Transport = n.faults
	}
	n.config = c
	if n.list, err = memberlist.Create(c); err != nil {
		return nil, fmt.Errorf("start memberlist: %w", err)
	}
	n.inbox.size = n.list.NumMembers
	n.members.setSelf(o.name)
	return n, nil
}

func preset(profile string) (*memberlist.Config, error) {
	switch profile {
	case "lan":
		return memberlist.DefaultLANConfig(), nil
	case "wan":
		return memberlist.DefaultWANConfig(), nil
	case "local":
		return memberlist.DefaultLocalConfig(), nil
	}
	return nil, fmt.Errorf("--profile %q: want lan, wan or local", profile)
}

func (n *node) addr() string {
	local := n.list.LocalNode()
	return net.JoinHostPort(local.Addr.String(), strconv.Itoa(int(local.Port)))
}

// keepJoining tries the seeds once a second until one answers. Memberlist
// itself tries once; every application around it has this loop.
func (n *node) keepJoining(ctx context.Context, seeds []string) {
	if len(seeds) == 0 {
		return
	}
	retry := time.NewTicker(time.Second)
	defer retry.Stop()
	for {
		_, err := n.list.Join(seeds)
		if err == nil {
			return
		}
		fmt.Fprintf(os.Stderr, "peer: join: %v\n", err)
		select {
		case <-ctx.Done():
			return
		case <-n.done:
			return
		case <-retry.C:
		}
	}
}

// setMeta changes what this node says about itself. That the change was not
// yet seen to leave the queue is no failure: it is on its way.
func (n *node) setMeta(meta string) {
	n.inbox.setMeta([]byte(meta))
	if err := n.list.UpdateNode(time.Second); err != nil {
		fmt.Fprintf(os.Stderr, "peer: update: %v\n", err)
	}
}

func (n *node) send(to string, payload []byte, reliable bool) error {
	for _, m := range n.list.Members() {
		if m.Name != to {
			continue
		}
		if reliable {
			return n.list.SendReliable(m, payload)
		}
		return n.list.SendBestEffort(m, payload)
	}
	return fmt.Errorf("send to %q: %w", to, errUnknownMember)
}

// rotate changes the live key ring and returns the keys, primary first.
func (n *node) rotate(op string, key []byte) ([][]byte, error) {
	ring := n.config.Keyring
	if ring == nil {
		return nil, errNoKeyring
	}
	var err error
	switch op {
	case "add":
		err = ring.AddKey(key)
	case "use":
		err = ring.UseKey(key)
	case "remove":
		err = ring.RemoveKey(key)
	case "list":
	default:
		err = fmt.Errorf("%w %q: want add, use, remove or list", errUnknownOp, op)
	}
	return ring.GetKeys(), err
}

// leave tells the cluster goodbye, once.
func (n *node) leave() error {
	n.leaving.Do(func() {
		n.leaveErr = n.list.Leave(leaveTimeout)
		close(n.left)
	})
	return n.leaveErr
}

// end stops the streaming handlers, so that the server can shut down.
func (n *node) end() { n.endStream.Do(func() { close(n.done) }) }
