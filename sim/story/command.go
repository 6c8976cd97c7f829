package story

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/internal/script"
	"github.com/musterhq/muster/sim"
	"github.com/musterhq/muster/wire"
)

// node is the number of the node of that name.
func (t *Teller) node(name string) (int, error) {
	if i := sim.Index(name); i >= 0 && i < t.cluster.Nodes() {
		return i, nil
	}
	return 0, fmt.Errorf("no node is called %q", name)
}

// fault begins the faults of the input.
func (t *Teller) fault(c *script.Command) error {
	for line := range strings.SplitSeq(c.Input, "\n") {
		s, err := sim.ParseSchedule("0s " + line)
		if err != nil {
			return err
		}
		for _, f := range s {
			for _, target := range f.Targets {
				if target >= t.cluster.Nodes() {
					return fmt.Errorf("no node is called %q", sim.Name(target))
				}
			}
			t.cluster.Do(f)
		}
	}
	return t.cluster.Err()
}

func (t *Teller) start(c *script.Command) error {
	for _, name := range c.Words() {
		i, err := t.node(name)
		if err != nil {
			return err
		}
		if t.cluster.Core(i) != nil {
			return fmt.Errorf("%s runs already", name)
		}
		if err := t.cluster.Start(i); err != nil {
			return err
		}
	}
	return t.cluster.Err()
}

func (t *Teller) drop(c *script.Command) error {
	count, err := c.Int("count", 1)
	if err != nil {
		return err
	}
	t.cluster.Drop(&sim.Rule{From: c.Str("from", ""), To: c.Str("to", ""), Holds: c.Str("holds", ""), About: c.Str("about", ""), Left: count})
	return nil
}

// inject makes a forged message: KIND NAME@INCARNATION [from NAME].
func (t *Teller) inject(c *script.Command) error {
	to, err := t.node(c.Str("to", ""))
	if err != nil {
		return err
	}
	from, err := t.node(c.Str("from", c.Str("to", "")))
	if err != nil {
		return err
	}
	msg, err := t.forge(strings.Fields(c.Input))
	if err != nil {
		return err
	}
	t.cluster.Inject(to, t.cluster.Addr(from), msg)
	return t.cluster.Err()
}

func (t *Teller) forge(words []string) ([]byte, error) {
	if len(words) != 2 && (len(words) != 4 || words[2] != "from") {
		return nil, errors.New("want KIND NAME@INCARNATION [from NAME]")
	}
	name, digits, _ := strings.Cut(words[1], "@")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return nil, err
	}
	inc, from := uint32(n), name
	if len(words) == 4 {
		from = words[3]
	}
	switch words[0] {
	case "suspect":
		return (&wire.Suspect{Incarnation: inc, Node: name, From: from}).Append(nil), nil
	case "dead":
		return (&wire.Dead{Incarnation: inc, Node: name, From: from}).Append(nil), nil
	case "alive":
		i, err := t.node(from) // whose address it claims
		if err != nil {
			return nil, err
		}
		a := t.cluster.Addr(i)
		return (&wire.Alive{Incarnation: inc, Node: name, Addr: a.Addr(), Port: a.Port(), Versions: wire.Versions{1, 5, 2}}).Append(nil), nil
	default:
		return nil, fmt.Errorf("cannot forge a %q", words[0])
	}
}

func (t *Teller) broadcast(c *script.Command) error {
	from, err := t.node(c.Str("from", ""))
	if err != nil {
		return err
	}
	count, err := c.Int("count", 1)
	if err != nil {
		return err
	}
	for i := range count {
		payload := c.Input
		if count > 1 {
			payload = fmt.Sprint(c.Input, i+1)
		}
		if err := t.cluster.Broadcast(from, []byte(payload)); err != nil {
			return err
		}
	}
	return t.cluster.Err()
}

// tellHeard tells who got a message, and when the last one did; without a
// message, how many each member got.
func (t *Teller) tellHeard(text string) {
	var names []string
	count := make(map[string]int)
	var last time.Duration
	for _, l := range t.heard {
		if text != "" && l.Text != fmt.Sprintf("hears %q", text) {
			continue
		}
		if count[l.From]++; count[l.From] == 1 {
			names = append(names, l.From)
		}
		last = l.At
	}
	slices.SortFunc(names, func(a, b string) int { return sim.Index(a) - sim.Index(b) })
	if text != "" && len(names) > 10 {
		fmt.Fprintf(&t.out, "%d members, the last before %v\n", len(names), last.Truncate(time.Second)+time.Second)
		return
	}
	for _, name := range names {
		fmt.Fprintf(&t.out, "%s %d\n", name, count[name])
	}
}

// views prints who holds whom for what; views that are the same share a line.
func (t *Teller) views() {
	var order []string
	holders := make(map[string][]string)
	for i := range t.cluster.Nodes() {
		view, name := t.view(i), sim.Name(i)
		if view == "" {
			continue
		}
		if holders[view] == nil {
			order = append(order, view)
		}
		holders[view] = append(holders[view], name)
	}
	for _, view := range order {
		fmt.Fprintf(&t.out, "%s: %s\n", strings.Join(holders[view], " "), view)
	}
}

// view is what node i holds, by name; members alike share a word.
func (t *Teller) view(i int) string {
	core := t.cluster.Core(i)
	if core == nil {
		return ""
	}
	var parts []string
	for j := range t.cluster.Nodes() {
		if m, ok := core.Member(sim.Name(j)); ok {
			parts = append(parts, fmt.Sprintf("%s %s@%d", m.Name, sim.StateName(m.State), m.Incarnation))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *Teller) stats(c *script.Command) error {
	words := c.Words()
	if len(words) == 0 {
		return errors.New("whose?")
	}
	i, err := t.node(words[0])
	if err != nil {
		return err
	}
	st := t.cluster.Stats(i)
	known := map[string]any{
		"alive": st.Alive, "suspects": st.Suspects, "dead": st.Dead, "left": st.Left, "health": st.HealthScore,
		"incarnation": st.Incarnation, "refutations": st.Refutations, "suspicions": st.Suspicions,
		"confirmations": st.Confirmations, "deaths": st.Deaths, "probesfailed": st.ProbesFailed,
		"indirect": st.IndirectProbes, "streampings": st.StreamPings, "conflicts": st.Conflicts,
		"implausible": st.Implausible, "ignored": st.Ignored, "malformed": st.Malformed, "stalls": st.Stalls,
		"pushpulls": st.PushPulls, "syncs": st.Syncs, "syncsequal": st.SyncsEqual, "syncsfull": st.SyncsFull,
		"queue": st.QueueLength, "userqueue": st.UserQueueLength, "reconnects": st.Reconnects,
	}
	for _, key := range words[1:] {
		value, ok := known[key]
		if !ok {
			return fmt.Errorf("no counter is called %q", key)
		}
		fmt.Fprintf(&t.out, "%s %v\n", key, value)
	}
	return nil
}
