package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/wire"
)

func ring(t *testing.T, keys ...byte) *wire.Keyring {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, bytes.Repeat([]byte{k}, 32))
	}
	r, err := wire.NewKeyring(all, all[0])
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// meet has two servers talk on Raft's port, and returns nil if both understood.
func meet(t *testing.T, server, client *wire.Keyring) error {
	t.Helper()
	layer := func(r *wire.Keyring) consensus.StreamLayer {
		c, err := raftTLS(r)
		if err != nil {
			t.Fatal(err)
		}
		l, err := consensus.Listen("127.0.0.1:0", c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	s, c := layer(server), layer(client)
	heard := make(chan error, 1)
	go func() {
		conn, err := s.Accept()
		if err == nil {
			_ = conn.SetDeadline(time.Now().Add(patience))
			b := make([]byte, 5)
			if _, err = io.ReadFull(conn, b); err == nil && string(b) != "hello" {
				err = errors.New("other bytes than were sent")
			}
			if err == nil {
				_, err = conn.Write(b)
			}
			err = errors.Join(err, conn.Close())
		}
		heard <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := c.Dial(ctx, s.Addr().String())
	if err == nil {
		_ = conn.SetDeadline(time.Now().Add(patience))
		if _, err = io.WriteString(conn, "hello"); err == nil {
			_, err = io.ReadFull(conn, make([]byte, 5))
		}
		_ = conn.Close()
	}
	return errors.Join(err, <-heard)
}

// Raft's port is for who has the key, and keys can be exchanged one server
// after the other.
func TestRaftPortHasTheKey(t *testing.T) {
	for _, tt := range []struct {
		name           string
		server, client *wire.Keyring
		ok             bool
	}{
		{"the same key", ring(t, 'a'), ring(t, 'a'), true},
		{"another key", ring(t, 'a'), ring(t, 'b'), false},
		{"the client's new key is known", ring(t, 'a', 'b'), ring(t, 'b', 'a'), true},
		{"the server's new key is known", ring(t, 'b', 'a'), ring(t, 'a', 'b'), true},
		{"the client's new key is not known", ring(t, 'a'), ring(t, 'b', 'a'), false},
		{"the server's new key is not known", ring(t, 'b', 'a'), ring(t, 'a'), false},
		{"no keys", nil, nil, true},
		{"a client without a key", ring(t, 'a'), nil, false},
		{"a server without a key", nil, ring(t, 'a'), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := meet(t, tt.server, tt.client); (err == nil) != tt.ok {
				t.Errorf("they understood: %t, %v", err == nil, err)
			}
		})
	}
}

// Servers with a key form a cluster; one that lacks it stays outside.
func TestClusterWithAKey(t *testing.T) {
	a := run(t, Options{Keyring: ring(t, 'k')})
	b := run(t, Options{Keyring: ring(t, 'k'), Join: []string{a.Addrs().Gossip}})
	b.do("POST", "/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false")
	await(t, "the write is there", func() bool { return a.instances("p") == 1 })
	c := launch(t, Options{Keyring: ring(t, 'x'), Join: []string{a.Addrs().Gossip}})
	time.Sleep(time.Second) // in which it would be taken in
	if len(a.members.others()) != 1 || c.Ready() == nil {
		t.Error("a server with another key was taken in")
	}
}
