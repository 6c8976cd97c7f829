package main

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/musterhq/muster/server/e2e/conformance/protocol"
)

// Instance is what clients register and see.
type Instance = protocol.Instance

// instance makes one with what a library assumes unless told otherwise.
func instance(ip string, port int) Instance {
	ephemeral := true
	return Instance{
		IP: ip, Port: port, Weight: 1, Healthy: true, Enabled: true, Ephemeral: &ephemeral, Cluster: "DEFAULT",
		Metadata: map[string]string{},
	}
}

func weighing(i Instance, weight float64) Instance {
	i.Weight = weight
	return i
}

func in(i Instance, cluster string) Instance {
	i.Cluster = cluster
	return i
}

func saying(i Instance, metadata map[string]string) Instance {
	i.Metadata = metadata
	return i
}

func lasting(i Instance) Instance {
	ephemeral := false
	i.Ephemeral = &ephemeral
	return i
}

func healthy(i Instance, yes bool) Instance {
	i.Healthy = yes
	return i
}

func disabled(i Instance) Instance {
	i.Enabled = false
	return i
}

// same compares two lists, in any order, in all that a library shows.
func same(got, want []Instance) error {
	g, w := lines(got, nil), lines(want, got)
	if slices.Equal(g, w) {
		return nil
	}
	return fmt.Errorf("got %s, want %s", show(g), show(w))
}

func show(lines []string) string {
	if len(lines) == 0 {
		return "none"
	}
	return "[" + strings.Join(lines, ", ") + "]"
}

// lines renders instances for comparison. What the library that gave seen does
// not show is left out.
func lines(list, seen []Instance) []string {
	shown := true
	for _, i := range seen {
		shown = shown && i.Ephemeral != nil
	}
	out := []string{}
	for _, i := range list {
		out = append(out, line(i, shown))
	}
	sort.Strings(out)
	return out
}

func line(i Instance, kind bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d", i.IP, i.Port)
	if i.Cluster != "DEFAULT" {
		fmt.Fprintf(&b, " in %q", i.Cluster)
	}
	if i.Weight != 1 {
		fmt.Fprintf(&b, " weight %g", i.Weight)
	}
	if !i.Healthy {
		b.WriteString(" unhealthy")
	}
	if !i.Enabled {
		b.WriteString(" disabled")
	}
	if kind && i.Ephemeral != nil && !*i.Ephemeral {
		b.WriteString(" persistent")
	}
	for _, k := range slices.Sorted(maps.Keys(i.Metadata)) {
		fmt.Fprintf(&b, " %q=%q", k, i.Metadata[k])
	}
	return b.String()
}
