package registry

import (
	"strings"
	"unicode"
)

// Limits bound what clients can make the registry hold. Zero means the
// default of DefaultLimits.
type Limits struct {
	Services         int // in all
	Instances        int // in all
	PerService       int // instances of one service
	PerClient        int // instances of one client, over all services
	Clients          int // of this server
	Subscriptions    int // of one client
	Namespaces       int
	Metadata         int // bytes of one instance's keys and values
	Settings         int // bytes of one service's or cluster's metadata
	Document         int // bytes of one document
	Documents        int // in all
	FuzzyPatterns    int // different patterns, in all
	FuzzyMatches     int // services per pattern
	Encoded          int // bytes of encoded lists kept for the next reader
	ClustersPerQuery int // names in a list of clusters
}

// DefaultLimits are sane for a server of 16 GB.
func DefaultLimits() Limits {
	return Limits{
		Services: 1_000_000, Instances: 5_000_000, PerService: 200_000, PerClient: 100_000, Clients: 2_000_000,
		Subscriptions: 20_000, Namespaces: 10_000, Metadata: 1024, Settings: 64 << 10, Document: 1 << 20, Documents: 1_000_000,
		FuzzyPatterns: 20, FuzzyMatches: 500, Encoded: 256 << 20, ClustersPerQuery: 64,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	for _, p := range []struct{ have, def *int }{
		{&l.Services, &d.Services}, {&l.Instances, &d.Instances}, {&l.PerService, &d.PerService},
		{&l.PerClient, &d.PerClient}, {&l.Clients, &d.Clients}, {&l.Subscriptions, &d.Subscriptions},
		{&l.Namespaces, &d.Namespaces}, {&l.Metadata, &d.Metadata}, {&l.Settings, &d.Settings}, {&l.Document, &d.Document},
		{&l.Documents, &d.Documents}, {&l.FuzzyPatterns, &d.FuzzyPatterns}, {&l.FuzzyMatches, &d.FuzzyMatches},
		{&l.Encoded, &d.Encoded}, {&l.ClustersPerQuery, &d.ClustersPerQuery},
	} {
		if *p.have == 0 {
			*p.have = *p.def
		}
	}
	return l
}

// Validate checks the names of a service as clients' own checks do.
func (k ServiceKey) Validate() error {
	if err := checkNamespace(k.Namespace); err != nil {
		return err
	}
	switch {
	case k.Name == "":
		return invalid("serviceName", "Param 'serviceName' is illegal, serviceName is blank")
	case len(k.Name) > 512:
		return invalid("serviceName", "Param 'serviceName' is illegal, the param length should not exceed 512.")
	case !plain(k.Name) || k.Name[0] == '@' || strings.Contains(k.Name, groupSeparator):
		return invalid("serviceName", "Param 'serviceName' is illegal, illegal characters should not appear in the param.")
	case len(k.Group) > 128:
		return invalid("groupName", "Param 'group' is illegal, the param length should not exceed 128.")
	case !matches(k.Group, "-_:."):
		return invalid("groupName", "Param 'group' is illegal, illegal characters should not appear in the param.")
	}
	return nil
}

func checkNamespace(id string) error {
	switch {
	case len(id) > 64:
		return invalid("namespaceId", "Param 'namespaceId/tenant' is illegal, the param length should not exceed 64.")
	case !matches(id, "-_"):
		return invalid("namespaceId", "Param 'namespaceId/tenant' is illegal, illegal characters should not appear in the param.")
	}
	return nil
}

func checkIP(ip string) error {
	switch {
	case ip == "":
		return invalid("ip", "Param 'ip' is required")
	case len(ip) > maxIP:
		return invalid("ip", "Param 'ip' is illegal, the param length should not exceed %d.", maxIP)
	case !plain(ip):
		return invalid("ip", "Param 'ip' is illegal, illegal characters should not appear in the param.")
	}
	return nil
}

func checkCluster(name string) error {
	switch {
	case len(name) > 64:
		return invalid("clusterName", "Param 'cluster' is illegal, the param length should not exceed 64.")
	case !matches(name, "-_"):
		return invalid("clusterName", "Param 'cluster' is illegal, illegal characters should not appear in the param.")
	}
	return nil
}

func (l *Limits) checkMetadata(m *Metadata) error {
	if m.size() > l.Metadata {
		return invalid("metadata", "Param 'Metadata' is illegal, the param length should not exceed %d.", l.Metadata)
	}
	return nil
}

// matches reports whether s is ASCII letters, digits and the extra characters.
func matches(s, extra string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') && strings.IndexByte(extra, c) < 0 {
			return false
		}
	}
	return true
}

// plain reports whether s has neither spaces nor control characters, and no
// Chinese, which Nacos refuses in names.
func plain(s string) bool {
	for _, r := range s {
		if ' ' < r && r < 0x7f {
			continue
		}
		if r <= ' ' || r == 0x7f || r == unicode.ReplacementChar || unicode.Is(unicode.Han, r) {
			return false
		}
	}
	return true
}
