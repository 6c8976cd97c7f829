package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/musterhq/muster/swim"
	"github.com/musterhq/muster/wire"
)

// Tuning is a configuration in words: a preset (lan, wan or local), then what
// differs from it, as key=value.
type Tuning []string

// ErrTuning is wrapped by every fault of a tuning.
var ErrTuning = errors.New("invalid tuning")

// String joins the words.
func (t Tuning) String() string { return strings.Join(t, ", ") }

// setters are the keys of a tuning.
var setters = map[string]func(c *swim.Config, v string) error{
	"probe":      duration(func(c *swim.Config) *time.Duration { return &c.ProbeInterval }),
	"timeout":    duration(func(c *swim.Config) *time.Duration { return &c.ProbeTimeout }),
	"gossip":     duration(func(c *swim.Config) *time.Duration { return &c.GossipInterval }),
	"todead":     duration(func(c *swim.Config) *time.Duration { return &c.GossipToTheDead }),
	"pushpull":   duration(func(c *swim.Config) *time.Duration { return &c.PushPullInterval }),
	"stream":     duration(func(c *swim.Config) *time.Duration { return &c.StreamTimeout }),
	"reconnect":  duration(func(c *swim.Config) *time.Duration { return &c.ReconnectInterval }),
	"reclaim":    duration(func(c *swim.Config) *time.Duration { return &c.DeadNodeReclaim }),
	"k":          integer(func(c *swim.Config) *int { return &c.IndirectChecks }),
	"fanout":     integer(func(c *swim.Config) *int { return &c.GossipNodes }),
	"retransmit": integer(func(c *swim.Config) *int { return &c.RetransmitMult }),
	"suspicion":  integer(func(c *swim.Config) *int { return &c.SuspicionMult }),
	"maxmult":    integer(func(c *swim.Config) *int { return &c.SuspicionMaxTimeoutMult }),
	"awareness":  integer(func(c *swim.Config) *int { return &c.AwarenessMax }),
	"packet":     integer(func(c *swim.Config) *int { return &c.PacketSize }),
	"overhead":   integer(func(c *swim.Config) *int { return &c.PacketOverhead }),
	"compress":   boolean(func(c *swim.Config) *bool { return &c.Compress }),
	"nostream":   boolean(func(c *swim.Config) *bool { return &c.NoStreamPing }),
	"vetalive":   boolean(func(c *swim.Config) *bool { return &c.VetAlive }),
	"vetmerge":   boolean(func(c *swim.Config) *bool { return &c.VetMerge }),
	"pull":       boolean(func(c *swim.Config) *bool { return &c.PullBroadcasts }),
	"sync":       syncing,
	"rtt":        boolean(func(c *swim.Config) *bool { return &c.ReportRTT }),
}

func duration(field func(*swim.Config) *time.Duration) func(*swim.Config, string) error {
	return func(c *swim.Config, v string) (err error) {
		*field(c), err = time.ParseDuration(v)
		return err
	}
}

func integer(field func(*swim.Config) *int) func(*swim.Config, string) error {
	return func(c *swim.Config, v string) (err error) {
		*field(c), err = strconv.Atoi(v)
		return err
	}
}

func boolean(field func(*swim.Config) *bool) func(*swim.Config, string) error {
	return func(c *swim.Config, v string) (err error) {
		*field(c), err = strconv.ParseBool(v)
		return err
	}
}

// mixed is the value of sync with which every other node can exchange whole
// states only.
const mixed = "mixed"

func syncing(c *swim.Config, v string) error {
	on, err := v == mixed, error(nil)
	if !on {
		on, err = strconv.ParseBool(v)
	}
	if c.Caps &^= wire.CapSync; on {
		c.Caps |= wire.CapSync
	}
	return err
}

// Configs makes the configurations of all nodes.
func (t Tuning) Configs() (func(i int) swim.Config, error) {
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	return func(i int) swim.Config {
		own := cfg
		if i%2 == 1 && slices.Contains(t, "sync="+mixed) {
			own.Caps &^= wire.CapSync
		}
		return own
	}, nil
}

// Config makes the configuration, its name, address and seed still to be set.
func (t Tuning) Config() (swim.Config, error) {
	c := swim.LAN()
	for i, word := range t {
		if i == 0 {
			switch word {
			case "lan":
			case "wan":
				c = swim.WAN()
			case "local":
				c = swim.Local()
			default:
				return c, fmt.Errorf("%w: %q is not a preset", ErrTuning, word)
			}
			continue
		}
		key, value, _ := strings.Cut(word, "=")
		set := setters[key]
		if set == nil {
			return c, fmt.Errorf("%w: no key is called %q", ErrTuning, key)
		}
		if err := set(&c, value); err != nil {
			return c, fmt.Errorf("%w: %s: %w", ErrTuning, key, err)
		}
	}
	return c, nil
}

// without returns the tuning less one word; the preset is word 0.
func (t Tuning) without(i int) Tuning { return slices.Delete(slices.Clone(t), i, i+1) }
