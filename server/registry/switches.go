package registry

import (
	"context"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// switchBucket holds the switches that are not as they were built.
const switchBucket = "switches"

// Switches change how the servers work while they run. Some are kept only to
// be shown: what they switched in Nacos, here works without.
type Switches struct {
	BeatInterval          int64 // milliseconds, like all here
	PushCache             int64
	Cache                 int64
	HealthCheck           bool
	AutoHealthCheck       bool
	Push                  bool
	CheckTimes            int
	Status                string // overrides the server's own; "" does not
	DefaultEphemeral      bool
	LightBeat             bool
	Expire                bool // instances that do not beat are removed
	Distro                bool
	DistroThreshold       float64
	DistroExpired         int64
	Standalone            bool
	DisableAddIP          bool
	SendBeatOnly          bool
	ServerStatusPeriod    int64
	ServiceStatusPeriod   int64
	Masters               []string
	LimitedURLs           map[string]int // paths that answer a fixed status
	PushVersions          map[string]string
	HTTP, TCP, MySQL      CheckParams
	IncrementalList       []string
	HealthCheckWhiteList  []string
	EnabledAuthentication bool
}

// CheckParams pace the health checks of one kind.
type CheckParams struct {
	Max    int     `json:"max"`
	Min    int     `json:"min"`
	Factor float64 `json:"factor"`
}

func defaultSwitches() Switches {
	return Switches{
		BeatInterval: 5000, PushCache: 10000, Cache: 3000, HealthCheck: true, AutoHealthCheck: true, Push: true,
		CheckTimes: 3, DefaultEphemeral: true, LightBeat: true, Expire: true, Distro: true, DistroThreshold: 0.7,
		DistroExpired: 10000, Standalone: true, ServerStatusPeriod: 2000, ServiceStatusPeriod: 5000,
		PushVersions: map[string]string{"java": "0.1.0", "go": "0.1.0", "python": "0.4.3", "c": "1.0.12", "csharp": "0.9.0"},
		HTTP:         CheckParams{Max: 5000, Min: 500, Factor: 0.85},
		TCP:          CheckParams{Max: 5000, Min: 1000, Factor: 0.75},
		MySQL:        CheckParams{Max: 3000, Min: 2000, Factor: 0.65},
	}
}

// switches holds those in force: as built, then as agreed on, then as set on
// this server alone.
type switches struct {
	mu     sync.RWMutex
	now    Switches
	agreed map[string]string
	local  map[string]string
}

func (s *switches) init() { s.now = defaultSwitches() }

func (s *switches) load(documents map[string][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agreed = make(map[string]string, len(documents))
	for k, v := range documents {
		s.agreed[k] = string(v)
	}
	s.rebuild()
}

// rebuild ignores what does not parse: it was checked when it was proposed,
// perhaps by a server of another version.
func (s *switches) rebuild() {
	now := defaultSwitches()
	for _, from := range []map[string]string{s.agreed, s.local} {
		for k, v := range from {
			next := now
			if next.set(k, v) == nil {
				now = next
			}
		}
	}
	s.now = now
}

func (s *switches) beatInterval() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return time.Duration(s.now.BeatInterval) * time.Millisecond
}

func (s *switches) expires() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.now.Expire
}

// PushEnabled reports whether operators want changes pushed.
func (r *Registry) PushEnabled() bool {
	r.switches.mu.RLock()
	defer r.switches.mu.RUnlock()
	return r.switches.now.Push
}

// Switches returns those in force. The maps in it must not be changed.
func (r *Registry) Switches() Switches {
	r.switches.mu.RLock()
	defer r.switches.mu.RUnlock()
	return r.switches.now
}

// SetSwitch sets a switch by its name, on all servers or on this one alone,
// until it restarts.
func (r *Registry) SetSwitch(ctx context.Context, entry, value string, local bool) error {
	s := &r.switches
	s.mu.Lock()
	probe := s.now
	err := probe.set(entry, value)
	if err == nil && local {
		if s.local == nil {
			s.local = make(map[string]string)
		}
		s.local[switchKey(entry, value)] = value
		s.rebuild()
	}
	s.mu.Unlock()
	if err != nil || local {
		return err
	}
	return r.PutDocument(ctx, DocumentWrite{Bucket: switchBucket, Key: switchKey(entry, value), Value: []byte(value)})
}

// switchKey is what a switch is kept by. One entry holds several of them.
func switchKey(entry, value string) string {
	if entry == pushVersion {
		kind, _, _ := strings.Cut(value, ":")
		return entry + "/" + kind
	}
	return entry
}

// pushVersion is from which version on clients are pushed to by UDP.
const pushVersion = "pushVersion"

// set sets a switch by the name that operators know.
func (s *Switches) set(entry, value string) error {
	if strings.HasPrefix(entry, pushVersion+"/") && entry == switchKey(pushVersion, value) {
		entry = pushVersion
	}
	switch entry {
	case "distroThreshold":
		return setFloat(&s.DistroThreshold, entry, value, 0, 1)
	case "clientBeatInterval":
		return setInt(&s.BeatInterval, entry, value, 100)
	case "pushCacheMillis":
		return setInt(&s.PushCache, entry, value, 10000)
	case "defaultCacheMillis":
		return setInt(&s.Cache, entry, value, 1000)
	case "serviceStatusSynchronizationPeriodMillis":
		return setInt(&s.ServiceStatusPeriod, entry, value, 5000)
	case "serverStatusSynchronizationPeriodMillis":
		return setInt(&s.ServerStatusPeriod, entry, value, 1000)
	case "distroServerExpiredMillis":
		return setInt(&s.DistroExpired, entry, value, 1)
	case "healthCheckTimes":
		n := int64(s.CheckTimes)
		err := setInt(&n, entry, value, 1)
		s.CheckTimes = int(n)
		return err
	case "masters":
		s.Masters = strings.Split(value, ",")
	case "distro":
		return setOnOff(&s.Distro, entry, value)
	case "check":
		return setOnOff(&s.HealthCheck, entry, value)
	case "pushEnabled":
		return setBool(&s.Push, entry, value)
	case "disableAddIP":
		return setBool(&s.DisableAddIP, entry, value)
	case "sendBeatOnly":
		return setBool(&s.SendBeatOnly, entry, value)
	case "enableStandalone":
		return setBool(&s.Standalone, entry, value)
	case "defaultInstanceEphemeral":
		return setBool(&s.DefaultEphemeral, entry, value)
	case "lightBeatEnabled":
		return setBool(&s.LightBeat, entry, value)
	case "autoChangeHealthCheckEnabled":
		return setBool(&s.AutoHealthCheck, entry, value)
	case "expireInstance":
		return setBool(&s.Expire, entry, value)
	case "overriddenServerStatus":
		return s.setStatus(value)
	case "limitedUrlMap":
		return s.setLimited(value)
	case pushVersion:
		return s.setPushVersion(value)
	case "httpHealthParams":
		return setParams(&s.HTTP, entry, value)
	case "tcpHealthParams":
		return setParams(&s.TCP, entry, value)
	case "mysqlHealthParams":
		return setParams(&s.MySQL, entry, value)
	default:
		return invalid("entry", "update entry not found: %s", entry)
	}
	return nil
}

func setInt(p *int64, entry, value string, least int64) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < least || n > math.MaxInt32 {
		return invalid("value", "%s is a number from %d, not %q", entry, least, value)
	}
	*p = n
	return nil
}

func setFloat(p *float64, entry, value string, least, most float64) error {
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || !(f >= least && f <= most) {
		return invalid("value", "%s is a number from %v to %v, not %q", entry, least, most, value)
	}
	*p = f
	return nil
}

func setBool(p *bool, entry, value string) error {
	switch strings.ToLower(value) {
	case "true", "false":
		*p = strings.EqualFold(value, "true")
		return nil
	}
	return invalid("value", "%s is true or false, not %q", entry, value)
}

func setOnOff(p *bool, entry, value string) error {
	switch strings.ToLower(value) {
	case "on", "off":
		*p = strings.EqualFold(value, "on")
		return nil
	}
	return invalid("value", "%s is on or off, not %q", entry, value)
}

func setParams(p *CheckParams, entry, value string) error {
	n := *p
	if err := json.Unmarshal([]byte(value), &n); err != nil || n.Min <= 0 || n.Max < n.Min || !(n.Factor >= 0 && n.Factor <= 1) {
		return invalid("value", "%s is {\"max\":..,\"min\":..,\"factor\":..}, not %q", entry, value)
	}
	*p = n
	return nil
}

// Statuses are what a server can be.
var Statuses = []string{"UP", "DOWN", "STARTING", "PAUSED", "WRITE_ONLY", "READ_ONLY"}

func (s *Switches) setStatus(value string) error {
	if strings.EqualFold(value, "null") {
		value = ""
	}
	if value != "" && !slices.Contains(Statuses, value) {
		return invalid("value", "overriddenServerStatus is one of %s, not %q", strings.Join(Statuses, ", "), value)
	}
	s.Status = value
	return nil
}

func (s *Switches) setLimited(value string) error {
	limited := make(map[string]int)
	for part := range strings.SplitSeq(value, ",") {
		if part == "" {
			continue
		}
		url, status, ok := strings.Cut(part, ":")
		n, err := strconv.Atoi(status)
		if !ok || url == "" || err != nil || n < 100 || n > 999 {
			return invalid("value", "limitedUrlMap is URL:STATUS,..., not %q", value)
		}
		limited[url] = n
	}
	s.LimitedURLs = limited
	return nil
}

func (s *Switches) setPushVersion(value string) error {
	kind, version, ok := strings.Cut(value, ":")
	if !ok || s.PushVersions[kind] == "" {
		return invalid("value", "pushVersion is CLIENT:VERSION, not %q", value)
	}
	for part := range strings.SplitSeq(version, ".") {
		if _, err := strconv.ParseUint(part, 10, 31); err != nil {
			return invalid("value", "illegal version, must match: ([0-9]+\\.)+[0-9]+")
		}
	}
	versions := make(map[string]string, len(s.PushVersions))
	for k, v := range s.PushVersions {
		versions[k] = v
	}
	versions[kind] = version
	s.PushVersions = versions
	return nil
}

// Status returns what this server is: UP when it answers all.
func (r *Registry) Status() string {
	if s := r.Switches().Status; s != "" {
		return s
	}
	if !r.IsReady() {
		return "STARTING"
	}
	return "UP"
}
