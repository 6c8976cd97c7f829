package registry

import (
	"maps"
	"math"
	"slices"
)

// Kind says of which of the two kinds a service's instances are.
type Kind uint8

// A service gets its kind from its first instance, or from the one who
// declares it, and keeps it while it exists.
const (
	KindOpen Kind = iota // declared, and not decided
	KindEphemeral
	KindPersistent
)

// A Declaration is what an operator says of a service. It is never changed,
// only replaced.
type Declaration struct {
	Kind      Kind
	Threshold float64 // protection: 0 to 1
	Meta      *Metadata
	Selector  Selector
	Clusters  map[string]Cluster // settings of those that have some
}

// A Selector says which instances a consumer is given.
type Selector struct {
	Type       string // "none" or "label"; "" is "none"
	Expression string
}

// A Cluster is what an operator says of a cluster of a service.
type Cluster struct {
	Checker         Checker
	CheckPort       uint16
	UseInstancePort bool
	Meta            *Metadata
}

// DefaultClusterSettings are those of a cluster of which nobody said anything.
func DefaultClusterSettings() Cluster {
	return Cluster{Checker: Checker{Type: CheckTCP}, CheckPort: 80, UseInstancePort: true}
}

// Ways to check persistent instances.
const (
	CheckTCP   = "TCP"
	CheckHTTP  = "HTTP"
	CheckMySQL = "MYSQL"
	CheckNone  = "NONE"
)

// A Checker says how persistent instances of a cluster are checked.
type Checker struct {
	Type string
	// HTTP
	Path, Headers string // headers: name:value|name:value
	ExpectedCode  int
	// MySQL
	User, Password, Command string
}

// Cluster returns the settings of a cluster.
func (d *Declaration) Cluster(name string) Cluster {
	if d != nil {
		if c, ok := d.Clusters[name]; ok {
			return c
		}
	}
	return DefaultClusterSettings()
}

func (l *Limits) checkDeclaration(d *Declaration) error {
	if math.IsNaN(d.Threshold) || d.Threshold < 0 || d.Threshold > 1 {
		return invalid("protectThreshold", "protectThreshold must be between 0 and 1")
	}
	if d.Meta.size() > l.Settings {
		return invalid("metadata", "Param 'Metadata' is illegal, the param length should not exceed %d.", l.Settings)
	}
	switch d.Selector.Type {
	case "":
		d.Selector.Type = "none"
	case "none":
	case "label":
		if _, err := parseLabels(d.Selector.Expression); err != nil {
			return err
		}
	default:
		return invalid("selector", "not match any type of selector!")
	}
	if len(d.Selector.Expression) > 1024 {
		return invalid("selector", "selector expression is too long")
	}
	for name, c := range d.Clusters {
		if err := checkCluster(name); err != nil {
			return err
		}
		if err := l.checkClusterSettings(c); err != nil {
			return err
		}
	}
	return nil
}

func (l *Limits) checkClusterSettings(c Cluster) error {
	if !slices.Contains([]string{CheckTCP, CheckHTTP, CheckMySQL, CheckNone}, c.Checker.Type) {
		return invalid("healthChecker", "unknown health check type: %s", c.Checker.Type)
	}
	text := c.Meta.size() + len(c.Checker.Path) + len(c.Checker.Headers) + len(c.Checker.User) + len(c.Checker.Password) + len(c.Checker.Command)
	if text > l.Settings {
		return invalid("metadata", "settings of the cluster should not exceed %d bytes", l.Settings)
	}
	return nil
}

func appendDeclaration(b []byte, d *Declaration) []byte {
	b = append(b, byte(d.Kind))
	b = appendUint(b, math.Float64bits(d.Threshold))
	b = appendMetadata(b, d.Meta)
	b = appendText(b, d.Selector.Type)
	b = appendText(b, d.Selector.Expression)
	b = appendUint(b, uint64(len(d.Clusters)))
	for _, name := range slices.Sorted(maps.Keys(d.Clusters)) {
		b = appendText(b, name)
		b = appendCluster(b, d.Clusters[name])
	}
	return b
}

func (r *reader) declaration() *Declaration {
	d := &Declaration{Kind: Kind(r.byte())}
	if d.Kind > KindPersistent {
		r.fail("kind")
	}
	d.Threshold = math.Float64frombits(r.uint())
	d.Meta = r.metadata()
	d.Selector.Type = r.text()
	d.Selector.Expression = r.text()
	for range r.count(10) {
		if d.Clusters == nil {
			d.Clusters = make(map[string]Cluster)
		}
		d.Clusters[r.text()] = r.cluster()
	}
	return d
}

func appendCluster(b []byte, c Cluster) []byte {
	for _, s := range []string{c.Checker.Type, c.Checker.Path, c.Checker.Headers, c.Checker.User, c.Checker.Password, c.Checker.Command} {
		b = appendText(b, s)
	}
	b = appendUint(b, uint64(max(c.Checker.ExpectedCode, 0)))
	b = appendUint(b, uint64(c.CheckPort))
	b = appendBool(b, c.UseInstancePort)
	return appendMetadata(b, c.Meta)
}

func (r *reader) cluster() Cluster {
	var c Cluster
	for _, s := range []*string{&c.Checker.Type, &c.Checker.Path, &c.Checker.Headers, &c.Checker.User, &c.Checker.Password, &c.Checker.Command} {
		*s = r.text()
	}
	code, port := r.uint(), r.uint()
	if code > 999 || port > math.MaxUint16 {
		r.fail("settings of a cluster")
	}
	c.Checker.ExpectedCode, c.CheckPort = int(code), uint16(port)
	c.UseInstancePort = r.bool()
	c.Meta = r.metadata()
	return c
}
