// Core drives the protocol by hand: three members without socket, goroutine or
// clock. One falls silent, is suspected, and found dead, in no time at all.
package main

import (
	"bytes"
	"fmt"
	"log"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/musterhq/muster/swim"
)

func main() {
	now := time.Now()  // any will do, as long as it never goes back
	sent := []func(){} // packets under way
	up, at := []*swim.Core{}, map[netip.AddrPort]*swim.Core{}
	for _, name := range []string{"1", "2", "3"} {
		cfg := swim.LAN()
		cfg.Name, cfg.Addr = name, netip.MustParseAddrPort("10.0.0."+name+":7946")
		c, err := swim.New(now, cfg)
		if err != nil {
			log.Fatal(err)
		}
		c.Join(now, netip.MustParseAddrPort("10.0.0.1:7946"))
		up, at[cfg.Addr] = append(up, c), c
	}
	for ms := range 20_000 { // a member with better things to do waits for Deadline
		if ms == 5000 {
			up, at[up[2].Local().Addr] = up[:2], nil
		}
		now = now.Add(time.Millisecond)
		for ; len(sent) > 0; sent = sent[1:] {
			sent[0]()
		}
		for _, c := range up {
			c.Tick(now)
			self, do := c.Local(), c.Ready()
			for _, e := range do.Events {
				fmt.Printf("%5d ms: %s sees %s %s\n", ms, self.Name, e.Kind, e.Member.Name)
			}
			for _, p := range do.Packets {
				if data, to := bytes.Clone(p.Data), at[p.To]; to != nil {
					sent = append(sent, func() { _ = to.Step(now, self.Addr, data) })
				}
			}
			for _, s := range slices.Clone(do.Streams) { // valid until c's next input
				reply, err := []byte(nil), net.ErrClosed
				if to := at[s.To]; to != nil {
					reply, err = to.Serve(now, self.Addr, s.Request)
				}
				c.StreamDone(now, s.ID, reply, err)
			}
		}
	}
}
