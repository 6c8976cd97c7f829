// Core drives the protocol by hand: three members without socket, goroutine or
// clock. One falls silent, is suspected and found dead, all in no time.
package main

import (
	"errors"
	"fmt"
	"log"
	"net/netip"
	"time"

	"github.com/musterhq/muster/swim"
)

type packet struct {
	from, to netip.AddrPort
	data     string // a copy: Ready's is valid only until the core's next input
}

func main() {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	now, wire := begin, []packet(nil)
	cores := make(map[netip.AddrPort]*swim.Core)
	var addrs []netip.AddrPort // maps have no order, and a run is to repeat itself
	for i, name := range []string{"a", "b", "c"} {
		cfg := swim.LAN()
		cfg.Name, cfg.Addr, cfg.Seed = name, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 7946), uint64(i)
		c, err := swim.New(now, cfg)
		if err != nil {
			log.Fatal(err)
		}
		addrs, cores[cfg.Addr] = append(addrs, cfg.Addr), c
		c.Join(now, addrs[0])
	}
	for ; now.Sub(begin) < 20*time.Second; now = now.Add(time.Millisecond) { // or by the cores' Deadline
		if now.Sub(begin) == 5*time.Second {
			delete(cores, addrs[2])
		}
		for _, p := range wire {
			if to := cores[p.to]; to != nil {
				_ = to.Step(now, p.from, []byte(p.data)) // says why something had no effect
			}
		}
		wire = wire[:0]
		for _, at := range addrs {
			if c := cores[at]; c != nil {
				c.Tick(now)
				rd := c.Ready()
				for _, e := range rd.Events {
					fmt.Println(now.Sub(begin), c.Local().Name, "sees", e.Kind, e.Member.Name)
				}
				for _, p := range rd.Packets {
					wire = append(wire, packet{at, p.To, string(p.Data)})
				}
				for _, s := range append([]swim.Stream(nil), rd.Streams...) {
					reply, err := []byte(nil), errors.New("nobody there")
					if to := cores[s.To]; to != nil {
						reply, err = to.Serve(now, at, s.Request)
					}
					c.StreamDone(now, s.ID, reply, err)
				}
			}
		}
	}
}
