package interop

import (
	"fmt"
	"strings"
	"time"
)

// deliverTime bounds the delivery of messages already sent.
const deliverTime = 20 * time.Second

// send: every node sends every other messages by packet and by stream; each
// arrives exactly once, at whom it was meant for and at nobody else.
func send(c *cluster) {
	for _, n := range c.nodes {
		var extra []string
		if n.kind != muster {
			extra = []string{"--no-rebroadcast"}
		}
		c.start(n, c.seeds(n), extra...)
	}
	c.agree(agreeTime)
	wanted := map[*node]map[string]int{}
	for _, to := range c.nodes {
		wanted[to] = map[string]int{}
	}
	for _, from := range c.nodes {
		for _, to := range c.nodes {
			if from == to {
				continue
			}
			for _, m := range letters(from.name, to.name) {
				c.must(from.send(to.name, m.text, m.reliable), "%s sends to %s", from.name, to.name)
				wanted[to][m.text] = 1
			}
		}
	}
	for _, n := range c.nodes {
		c.eventually(deliverTime, n.name+" has its messages", func() error {
			got, err := n.received()
			if err != nil {
				return err
			}
			return sameMessages(got, wanted[n])
		})
	}
	c.agree(agreeTime)
}

type letter struct {
	text     string
	reliable bool
}

// letters are messages of telling sizes: those that fit a packet, those that
// only a stream carries, text that compresses and text that does not.
func letters(from, to string) []letter {
	head := from + " to " + to + " "
	return []letter{
		{head + "packet", false},
		{head + "packet " + strings.Repeat("same ", 200), false},
		{head + "packet " + noise(900), false},
		{head + "stream", true},
		{head + "stream " + strings.Repeat("same ", 20_000), true},
		{head + "stream " + noise(100_000), true},
	}
}

// noise is printable text that does not compress to half; the same each time.
func noise(n int) string {
	b := make([]byte, n)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = ' ' + byte(x>>8)%95
	}
	return string(b)
}

func sameMessages(got, wanted map[string]int) error {
	for text, n := range wanted {
		if got[text] != n {
			return fmt.Errorf("%d times instead of %d: %.40q (%d bytes)", got[text], n, text, len(text))
		}
	}
	for text, n := range got {
		if wanted[text] == 0 {
			return fmt.Errorf("%d times, not meant for it: %.40q (%d bytes)", n, text, len(text))
		}
	}
	return nil
}

// broadcast: what any node broadcasts reaches all the others, also when there
// is more of it than one packet holds.
func broadcast(c *cluster) {
	join(c)
	c.spread("first", 1)
	c.spread("burst", 8)
}

// spread has every node broadcast and waits until all have all.
//
// No two messages are of the same length. Memberlist's queue numbers messages
// anew whenever it is empty for a moment, takes two of the same length, number
// and count of transmissions for the same one, and forgets the first.
func (c *cluster) spread(word string, each int) {
	c.t.Helper()
	type sent struct {
		by   *node
		text string
	}
	var all []sent
	for _, n := range c.up() {
		for i := range each {
			c.said++
			text := fmt.Sprintf("%s %d of %s ", word, i, n.name)
			text += strings.Repeat("z", 20+5*c.said-len(text))
			c.must(n.broadcast(text), "%s broadcasts", n.name)
			all = append(all, sent{n, text})
		}
	}
	c.eventually(deliverTime, "everybody has the broadcasts", func() error {
		got := map[*node]map[string]int{}
		for _, n := range c.up() {
			var err error
			if got[n], err = n.received(); err != nil {
				return fmt.Errorf("ask %s: %w", n.name, err)
			}
		}
		for _, s := range all {
			var without []*node
			for _, n := range c.up() {
				if n != s.by && got[n][s.text] == 0 {
					without = append(without, n)
				}
			}
			if len(without) > 0 {
				return fmt.Errorf("%s without %.40q", names(without), s.text)
			}
		}
		return nil
	})
}

// metadata: what nodes say about themselves, from nothing to the 512 bytes
// memberlist allows, comes to be what everybody knows.
func metadata(c *cluster) {
	join(c)
	for _, meta := range []string{"changed", strings.Repeat("m", 512), ""} {
		for _, n := range c.nodes {
			n.meta = meta
			if meta == "changed" {
				n.meta += " by " + n.name
			}
			c.must(n.setMeta(n.meta), "set %s's meta", n.name)
		}
		c.agree(agreeTime)
	}
}

// converse: a pair, which has nobody to help it, does everything a calm
// cluster does.
func converse(c *cluster) {
	join(c)
	c.spread("hello", 3)
	tell := func(n *node, meta string) {
		n.meta = meta
		c.must(n.setMeta(meta), "set %s's meta", n.name)
	}
	tell(c.nodes[0], "new")
	tell(c.nodes[1], "newer")
	c.agree(agreeTime)
	for _, n := range c.nodes {
		c.goodbye(n)
		c.agree(agreeTime)
		c.start(n, []*node{c.other(n)})
		c.agree(agreeTime)
	}
}
