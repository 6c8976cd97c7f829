package proc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// A Lab is a network of this machine's own: each server in a network namespace
// with an address of its own, all on one bridge, which this process is on, too.
// Cables can be pulled. It needs root and the ip command.
type Lab struct {
	bridge string
	subnet string // its first three bytes
	hosts  []string
}

// ErrNoLab says that network namespaces cannot be made here.
var ErrNoLab = errors.New("no network namespaces: that needs root, and the ip command")

// NewLab makes a network for so many servers.
func NewLab(size int) (l *Lab, err error) {
	if _, err := exec.LookPath("ip"); err != nil || os.Geteuid() != 0 {
		return nil, ErrNoLab
	}
	tag := strconv.FormatUint(uint64(rand.Uint32()), 36)
	l = &Lab{bridge: "mu" + tag, subnet: fmt.Sprintf("10.%d.%d", 200+rand.IntN(50), rand.IntN(250))}
	defer func() {
		if err != nil {
			l.Close()
			err = fmt.Errorf("%w: %w", ErrNoLab, err)
		}
	}()
	if err := ip("link add", l.bridge, "type bridge"); err != nil {
		return nil, err
	}
	if err := errors.Join(ip("addr add", l.subnet+".254/24", "dev", l.bridge), ip("link set", l.bridge, "up")); err != nil {
		return nil, err
	}
	for i := range size {
		host := fmt.Sprintf("%s-%d", l.bridge, i+1)
		l.hosts = append(l.hosts, host)
		port := "v" + tag + strconv.Itoa(i+1)
		for _, args := range [][]string{
			{"netns add", host},
			{"link add", port, "type veth peer name eth0 netns", host},
			{"link set", port, "master", l.bridge, "up"},
			{"-n", host, "addr add", l.Addr(i) + "/24", "dev eth0"},
			{"-n", host, "link set eth0 up"},
			{"-n", host, "link set lo up"},
			{"-n", host, "route add default via", l.subnet + ".254"},
		} {
			if err := ip(args...); err != nil {
				return nil, err
			}
		}
	}
	return l, nil
}

func ip(args ...string) error {
	cmd := exec.Command("ip", strings.Fields(strings.Join(args, " "))...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// Addr is the address of a server, the first one being 0.
func (l *Lab) Addr(i int) string { return fmt.Sprintf("%s.%d", l.subnet, i+1) }

// CutFromOthers keeps a server from the other servers, and them from it. It
// still reaches this process.
func (l *Lab) CutFromOthers(i int) error { return l.eachPair(i, "add") }

// Heal takes a CutFromOthers back.
func (l *Lab) Heal(i int) error { return l.eachPair(i, "del") }

func (l *Lab) eachPair(i int, do string) error {
	var errs []error
	for j := range l.hosts {
		if j != i {
			errs = append(errs,
				ip("-n", l.hosts[i], "route", do, "blackhole", l.Addr(j)+"/32"),
				ip("-n", l.hosts[j], "route", do, "blackhole", l.Addr(i)+"/32"))
		}
	}
	return errors.Join(errs...)
}

// Unplug pulls a server's cable: nobody reaches it. Plug puts it back.
func (l *Lab) Unplug(i int) error { return ip("-n", l.hosts[i], "link set eth0 down") }

// Plug takes an Unplug back.
func (l *Lab) Plug(i int) error {
	return errors.Join(ip("-n", l.hosts[i], "link set eth0 up"), ip("-n", l.hosts[i], "route replace default via", l.subnet+".254"))
}

// Close takes the network down.
func (l *Lab) Close() {
	for _, h := range l.hosts {
		_ = ip("netns del", h) // what was not made is not there
	}
	_ = ip("link del", l.bridge)
}
