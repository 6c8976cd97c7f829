package registry

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// describe tells all that is agreed on, in one order.
func describe(r *Registry) string {
	var lines []string
	for k, s := range r.fsm.services {
		l := fmt.Sprintf("service %s stamp=%d", k, s.stamp)
		if s.decl != nil {
			l += fmt.Sprintf(" decl=%x", appendDeclaration(nil, s.decl))
		}
		for _, i := range s.instances {
			l += fmt.Sprintf(" %x", appendInstance(nil, i))
		}
		keys := slices.SortedFunc(maps.Keys(s.overlays), func(a, b InstanceKey) int { return strings.Compare(a.String(), b.String()) })
		for _, k := range keys {
			o := s.overlays[k]
			l += fmt.Sprintf(" over %s %x %s", k, appendOverlay(nil, o.Enabled, o.Weight), o.Meta.JSON())
		}
		lines = append(lines, l)
	}
	for _, n := range r.fsm.namespaces {
		lines = append(lines, fmt.Sprintf("namespace %+v", n))
	}
	for b, d := range r.fsm.documents {
		for k, v := range d {
			lines = append(lines, fmt.Sprintf("document %s/%s=%x", b, k, v))
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// anything proposes n random operations; errors are results like others.
func anything(r *Registry, rnd *rand.Rand, n int) {
	pick := func(s ...string) string { return s[rnd.IntN(len(s))] }
	for range n {
		key := Key(pick("", "n1"), pick("", "G"), pick("a", "b", "c", "d"))
		ip := pick("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")
		ik := InstanceKey{ip, 80, pick("DEFAULT", "C")}
		yes, weight := rnd.IntN(2) == 0, float64(rnd.IntN(10))
		switch rnd.IntN(13) {
		case 0, 1, 2, 3:
			i := lasting(ip, uint16(80+rnd.IntN(2)))
			i.Cluster, i.Weight, i.Healthy = ik.Cluster, weight, yes
			i.Meta = NewMetadata(map[string]string{"k": pick("v", "w", "\u00e9\"")}, "")
			_ = r.RegisterPersistent(ctx, key, i)
		case 4, 5:
			_ = r.DeregisterPersistent(ctx, key, ip, uint16(80+rnd.IntN(2)))
		case 6:
			_ = r.SetHealth(ctx, key, ip, 80, yes)
		case 7:
			_ = r.Declare(ctx, key, Declaration{Threshold: weight / 10, Kind: Kind(rnd.IntN(3)), Meta: NewMetadata(map[string]string{"x": ip}, "")})
		case 8:
			_ = r.Redeclare(ctx, key, Declaration{Threshold: weight / 10, Selector: Selector{Type: "none"}})
		case 9:
			_ = r.Undeclare(ctx, key)
		case 10:
			_ = r.SetCluster(ctx, key, ik.Cluster, Cluster{Checker: Checker{Type: pick(CheckTCP, CheckNone)}, CheckPort: 8080})
		case 11:
			_ = r.PatchInstances(ctx, key, []InstanceKey{ik}, Patch{Enabled: &yes, Weight: &weight, Set: map[string]string{"o": pick("1", "2")}, Unset: []string{pick("o", "p")}})
		case 12:
			_, _ = r.CreateNamespace(ctx, Namespace{ID: pick("n1", "n2"), Name: "name"})
			_ = r.RemoveNamespace(ctx, pick("n1", "n2"))
			_ = r.PutDocument(ctx, DocumentWrite{Bucket: "b", Key: pick("x", "y"), Value: []byte(ip), If: Condition(rnd.IntN(3))})
		}
	}
}

// The same commands make the same of every server, whatever else it holds.
func TestApplyIsDeterministic(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		a, _, log := newTest(t, Options{})
		anything(a, rnd, 300)
		b, _, _ := newTest(t, Options{Limits: Limits{Namespaces: 1, Services: 1, Instances: 1, Documents: 1}})
		check(t, b.Connect("c", ClientInfo{}))
		_ = b.Register("c", Key("", "", "a"), []Instance{inst("1.1.1.1", 1)}) // ephemeral, where others are about to be persistent
		for i, c := range log.log {
			b.Apply(uint64(i+1), c)
		}
		if x, y := describe(a), describe(b); x != y {
			t.Fatalf("seed %d: one server has\n%s\nthe other\n%s", seed, x, y)
		}
	}
}

// A snapshot is what was there when it was taken, whatever is applied while it
// is written.
func TestSnapshot(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		a, _, _ := newTest(t, Options{})
		anything(a, rnd, 300)
		was := describe(a)
		write, err := a.Snapshot()
		check(t, err)
		anything(a, rnd, 300)
		var file bytes.Buffer
		check(t, write(&file))

		b, _, _ := newTest(t, Options{})
		anything(b, rnd, 100) // it has something else
		check(t, b.Restore(bytes.NewReader(file.Bytes())))
		if got := describe(b); got != was {
			t.Fatalf("seed %d: restored\n%s\nwant\n%s", seed, got, was)
		}
		// What readers see is the same, and the counts are.
		n := 0
		for _, ns := range []string{DefaultNamespace, "n1"} {
			for _, s := range b.Services(ns) {
				n += len(s.View().Hosts)
			}
		}
		if int(b.instances.Load()) != n {
			t.Fatalf("seed %d: %d instances are counted, %d are listed", seed, b.instances.Load(), n)
		}
	}
}

// A snapshot that is not whole is refused, and nothing is changed by it.
func TestSnapshotDamaged(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	a, _, _ := newTest(t, Options{})
	anything(a, rnd, 300)
	write, err := a.Snapshot()
	check(t, err)
	var file bytes.Buffer
	check(t, write(&file))
	b, _, _ := newTest(t, Options{})
	check(t, b.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
	was := describe(b)
	for n := 0; n < file.Len(); n += 1 + n/20 {
		if err := b.Restore(bytes.NewReader(file.Bytes()[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes were restored", n, file.Len())
		}
		broken := bytes.Clone(file.Bytes())
		broken[n] ^= 0x10
		if at := len(snapshotMagic) + 1; at <= n && n < at+8 {
			continue // the index: it is for the caller to compare
		}
		if err := b.Restore(bytes.NewReader(broken)); err == nil {
			t.Fatalf("a bit of byte %d was flipped, and it was restored", n)
		}
		if got := describe(b); got != was {
			t.Fatalf("byte %d: a damaged snapshot changed\n%s\nto\n%s", n, was, got)
		}
	}
}

// An overlay is above what the instance says, outlives a registration, and is
// forgotten a minute after the instance.
func TestOverlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, _ := newTest(t, Options{})
		run(t, r)
		check(t, r.Connect("c", ClientInfo{}))
		i := inst("10.0.0.1", 1)
		i.Meta = NewMetadata(map[string]string{"own": "1", "both": "own"}, "")
		check(t, r.Register("c", demo, []Instance{i}))
		off, heavy := false, 7.0
		key := InstanceKey{"10.0.0.1", 1, DefaultCluster}
		check(t, r.PatchInstances(ctx, demo, []InstanceKey{key}, Patch{Enabled: &off, Set: map[string]string{"both": "over", "new": "2"}}))
		check(t, r.PatchInstances(ctx, demo, []InstanceKey{key}, Patch{Weight: &heavy, Unset: []string{"new"}}))
		see := func(enabled bool, weight float64, meta string) {
			t.Helper()
			h := r.View(demo).Hosts[0]
			if h.Enabled != enabled || h.Weight != weight || h.Meta.JSON() != meta {
				t.Fatalf("%v %v %s", h.Enabled, h.Weight, h.Meta.JSON())
			}
		}
		see(false, 7, `{"both":"over","own":"1"}`)
		check(t, r.Register("c", demo, []Instance{i}))
		see(false, 7, `{"both":"over","own":"1"}`)
		check(t, r.PatchInstances(ctx, demo, []InstanceKey{key}, Patch{Replace: true}))
		see(false, 7, `{"both":"own","own":"1"}`)

		check(t, r.Deregister("c", demo))
		time.Sleep(50 * time.Second)
		check(t, r.Register("c", demo, []Instance{i}))
		see(false, 7, `{"both":"own","own":"1"}`)
		check(t, r.Deregister("c", demo))
		time.Sleep(3 * time.Minute)
		check(t, r.Register("c", demo, []Instance{i}))
		see(true, 1, `{"both":"own","own":"1"}`)
	})
}

// What operators say of a service's instances is bounded, however small the
// parts that they say it in.
func TestOverlaysAreBounded(t *testing.T) {
	r, _, _ := newTest(t, Options{Limits: Limits{PerService: 3, Settings: 1000}})
	check(t, r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
	at := func(ip, cluster string) []InstanceKey { return []InstanceKey{{ip, 1, cluster}} }
	for i := range 9 {
		check(t, r.PatchInstances(ctx, demo, at("10.0.0.1", "C"), Patch{Set: map[string]string{fmt.Sprint("key", i): strings.Repeat("x", 100)}}))
	}
	more := Patch{Set: map[string]string{"one more": strings.Repeat("x", 100)}}
	if err := r.PatchInstances(ctx, demo, at("10.0.0.1", "C"), more); !errors.Is(err, ErrInvalid) {
		t.Fatal(err)
	}
	more.Replace = true // in the place of what there was
	check(t, r.PatchInstances(ctx, demo, at("10.0.0.1", "C"), more))
	for _, ip := range []string{"10.0.0.2", "10.0.0.3"} {
		check(t, r.PatchInstances(ctx, demo, at(ip, "C"), more))
	}
	if err := r.PatchInstances(ctx, demo, at("10.0.0.4", "C"), more); !errors.Is(err, ErrLimit) {
		t.Fatal(err)
	}
	check(t, r.PatchInstances(ctx, demo, at("10.0.0.3", "C"), more))
	for _, bad := range [][]InstanceKey{at("", "C"), at(strings.Repeat("1", 129), "C"), at("10.0.0.1", "a b"), at("1 2", "C")} {
		if err := r.PatchInstances(ctx, demo, bad, more); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestDeclare(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.Connect("c", ClientInfo{}))
	check(t, r.Declare(ctx, demo, Declaration{Threshold: 0.3, Meta: NewMetadata(map[string]string{"a": "b"}, "")}))
	if err := r.Declare(ctx, demo, Declaration{}); !errors.Is(err, ErrServiceExists) {
		t.Fatal(err)
	}
	// Its kind is open until the first instance.
	check(t, r.Register("c", demo, []Instance{inst("10.0.0.1", 1)}))
	if err := r.RegisterPersistent(ctx, demo, lasting("10.0.0.2", 1)); !errors.Is(err, ErrKind) {
		t.Fatal(err)
	}
	if err := r.Undeclare(ctx, demo); !errors.Is(err, ErrServiceInUse) {
		t.Fatal(err)
	}
	check(t, r.SetCluster(ctx, demo, "C", Cluster{Checker: Checker{Type: CheckNone}}))
	check(t, r.Redeclare(ctx, demo, Declaration{Threshold: 0.4}))
	d := r.View(demo).Declaration
	if d.Threshold != 0.4 || d.Cluster("C").Checker.Type != CheckNone || d.Cluster("D").Checker.Type != CheckTCP {
		t.Fatalf("%+v", d)
	}
	check(t, r.Deregister("c", demo))
	check(t, r.Undeclare(ctx, demo))
	if _, ok := r.Lookup(demo); ok {
		t.Fatal("a deleted service is listed")
	}
	if err := r.Undeclare(ctx, demo); !errors.Is(err, ErrNoService) {
		t.Fatal(err)
	}
	check(t, r.RegisterPersistent(ctx, demo, lasting("10.0.0.2", 1))) // it is another one

	only := Key("", "", "only-ephemeral")
	check(t, r.Declare(ctx, only, Declaration{Kind: KindEphemeral}))
	if err := r.RegisterPersistent(ctx, only, lasting("10.0.0.2", 1)); !errors.Is(err, ErrKind) {
		t.Fatal(err)
	}
	// Also when the proposing server knows nothing of the service.
	cmd := appendInstance(appendKey(r.command(opPutInstance), only), &Instance{IP: "10.0.0.2", Port: 1})
	if err := resultError(r.Apply(99, cmd)); !errors.Is(err, ErrKind) {
		t.Fatal(err)
	}
	for _, bad := range []Declaration{{Threshold: 1.1}, {Threshold: -0.1}, {Meta: NewMetadata(map[string]string{"k": strings.Repeat("x", 100_000)}, "")}} {
		if err := r.Declare(ctx, Key("", "", "bad"), bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestHealthByHand(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.RegisterPersistent(ctx, demo, lasting("10.0.0.1", 1)))
	key := InstanceKey{"10.0.0.1", 1, DefaultCluster}
	if err := r.SetHealthByHand(ctx, demo, key, false); !errors.Is(err, ErrChecked) {
		t.Fatal(err)
	}
	check(t, r.SetCluster(ctx, demo, DefaultCluster, Cluster{Checker: Checker{Type: CheckNone}}))
	check(t, r.SetHealthByHand(ctx, demo, key, false))
	if h := r.View(demo).Hosts[0]; h.Healthy {
		t.Fatal("still healthy")
	}
	key.Port = 2
	if err := r.SetHealthByHand(ctx, demo, key, false); !errors.Is(err, ErrNoInstance) {
		t.Fatal(err)
	}
}

func TestDocuments(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	write := func(v string, c Condition, expected string) error {
		return r.PutDocument(ctx, DocumentWrite{Bucket: "users", Key: "u", Value: []byte(v), If: c, Expected: []byte(expected)})
	}
	if err := write("1", IfPresent, ""); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	check(t, write("1", IfAbsent, ""))
	if err := write("2", IfAbsent, ""); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	if err := write("2", IfEqual, "x"); !errors.Is(err, ErrConflict) {
		t.Fatal(err)
	}
	check(t, write("2", IfEqual, "1"))
	if got := r.Document("users", "u"); string(got) != "2" {
		t.Fatalf("%q", got)
	}
	check(t, r.RemoveDocument(ctx, "users", "u"))
	check(t, r.RemoveDocument(ctx, "users", "u"))
	if r.Document("users", "u") != nil || len(r.Documents("users")) != 0 {
		t.Fatal("it is still there")
	}
}

func TestNamespaces(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	id, err := r.CreateNamespace(ctx, Namespace{Name: "one"})
	check(t, err)
	if len(id) != 36 {
		t.Fatalf("id %q", id)
	}
	if _, err := r.CreateNamespace(ctx, Namespace{ID: id, Name: "two"}); !errors.Is(err, ErrNamespaceExists) {
		t.Fatal(err)
	}
	if _, err := r.CreateNamespace(ctx, Namespace{ID: DefaultNamespace, Name: "two"}); !errors.Is(err, ErrNamespaceExists) {
		t.Fatal(err)
	}
	check(t, r.UpdateNamespace(ctx, Namespace{ID: id, Name: "two", Description: "d"}))
	n, err := r.Namespace(id)
	if err != nil || n.Name != "two" || n.Description != "d" {
		t.Fatal(n, err)
	}
	if all := r.Namespaces(); len(all) != 2 || all[0].ID != DefaultNamespace {
		t.Fatal(all)
	}
	check(t, r.RemoveNamespace(ctx, id))
	if err := r.RemoveNamespace(ctx, id); !errors.Is(err, ErrNoNamespace) {
		t.Fatal(err)
	}
	for _, bad := range []Namespace{{ID: "a.b", Name: "x"}, {ID: "a", Name: ""}, {ID: "a", Name: "a@b"}, {ID: strings.Repeat("a", 65), Name: "x"}} {
		if _, err := r.CreateNamespace(ctx, bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestSwitches(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	check(t, r.SetSwitch(ctx, "overriddenServerStatus", "DOWN", false))
	check(t, r.SetSwitch(ctx, "clientBeatInterval", "2000", false))
	check(t, r.SetSwitch(ctx, "tcpHealthParams", `{"max":9000,"min":100,"factor":0.5}`, false))
	check(t, r.SetSwitch(ctx, "pushVersion", "go:1.2.3", true)) // here alone
	for _, v := range []string{"c:2.0", "java:1.0.0", "c:2.1"} {
		check(t, r.SetSwitch(ctx, "pushVersion", v, false))
	}
	if s := r.Switches(); s.PushVersions["c"] != "2.1" || s.PushVersions["java"] != "1.0.0" {
		t.Fatalf("%+v", s.PushVersions)
	}
	check(t, r.SetSwitch(ctx, "pushVersion", "java:0.1.0", false))
	if s := r.Switches(); r.Status() != "DOWN" || s.BeatInterval != 2000 || s.TCP.Max != 9000 || s.PushVersions["go"] != "1.2.3" || s.PushVersions["java"] != "0.1.0" {
		t.Fatalf("%+v", s)
	}
	if r.beats.tick < 0 || r.switches.beatInterval() != 2*time.Second {
		t.Fatal(r.switches.beatInterval())
	}
	check(t, r.SetSwitch(ctx, "overriddenServerStatus", "", false))
	if r.Status() != "UP" {
		t.Fatal(r.Status())
	}
	write, err := r.Snapshot()
	check(t, err)
	var file bytes.Buffer
	check(t, write(&file))
	b, _, _ := newTest(t, Options{})
	check(t, b.Restore(&file))
	if s := b.Switches(); s.BeatInterval != 2000 || s.PushVersions["go"] != "0.1.0" || s.PushVersions["c"] != "2.1" {
		t.Fatalf("restored: %+v", s)
	}
	for entry, value := range map[string]string{
		"nothing": "x", "pushCacheMillis": "9999", "distro": "maybe", "pushEnabled": "1", "overriddenServerStatus": "FINE",
		"limitedUrlMap": "x", "healthCheckTimes": "0", "distroThreshold": "NaN", "tcpHealthParams": `{"min":0}`, "pushVersion": "rust:1", "pushVersion/c": "java:1.0",
	} {
		if err := r.SetSwitch(ctx, entry, value, false); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s=%s: %v", entry, value, err)
		}
	}
}

// A command that this server cannot read must be told from one it refuses.
func TestUnreadableCommand(t *testing.T) {
	r, _, _ := newTest(t, Options{})
	for _, c := range [][]byte{nil, {9}, {commandVersion, 200, 0}, {commandVersion, opPutInstance, 0, 1}, append(appendKey(r.command(opUndeclare), demo), 0)} {
		if err := ReadError(r.Apply(1, c)); !errors.Is(err, ErrCommand) {
			t.Errorf("%x: %v", c, err)
		}
	}
	if err := ReadError(r.Apply(1, appendKey(r.command(opUndeclare), demo))); err != nil {
		t.Error(err)
	}
}
