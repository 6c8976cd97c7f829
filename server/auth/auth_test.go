package auth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

// local is the persistent plane of a cluster of one: what is proposed is
// applied at once.
type local struct {
	mu    sync.Mutex
	reg   *registry.Registry
	index uint64
	down  error
}

func (l *local) Propose(ctx context.Context, command []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down != nil {
		return nil, l.down
	}
	l.index++
	return l.reg.Apply(l.index, command), nil
}

func (l *local) Linearizable(context.Context) error { return nil }

func newStore() (*registry.Registry, *local) {
	r := registry.New(registry.Options{Self: "a"})
	l := &local{reg: r}
	r.Use(nil, l)
	return r, l
}

func newAuth(t testing.TB, o Options) *Auth {
	t.Helper()
	if o.Store == nil {
		o.Store, _ = newStore()
	}
	o.Cost = bcrypt.MinCost // or this takes a minute
	a, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func as(user, password string) nacos.Credentials {
	return nacos.Credentials{User: user, Password: password, RemoteAddr: "192.0.2.1"}
}

func mustLogin(t testing.TB, a *Auth, user, password string) nacos.Session {
	t.Helper()
	s, err := a.Login(t.Context(), as(user, password))
	must(t, err)
	return s
}

func TestLoginGivesATokenThatAllServersTake(t *testing.T) {
	store, _ := newStore()
	a := newAuth(t, Options{Store: store, Clients: true, Admin: true})
	drawn, err := a.EnsureAdmin(t.Context(), "")
	must(t, err)
	if len(drawn) < 20 {
		t.Fatalf("drew the password %q", drawn)
	}
	s := mustLogin(t, a, AdminName, drawn)
	if s.TTL != 18000*time.Second || !s.GlobalAdmin || s.User != "nacos" {
		t.Errorf("session %+v", s)
	}
	b := newAuth(t, Options{Store: store, Clients: true, Admin: true}) // another, or the same after a restart
	for _, srv := range []*Auth{a, b} {
		must(t, srv.Check(t.Context(), nacos.Credentials{Token: s.Token}, nacos.Resource{Admin: true}, nacos.Write))
	}
}

func TestLoginTellsNotWhatWasWrong(t *testing.T) {
	a := newAuth(t, Options{})
	must(t, a.create(t.Context(), "ann", "right", false))
	for _, c := range []nacos.Credentials{
		as("ann", "wrong"), as("bob", "right"), as("ann", ""), as("", ""), as("a b", "right"),
		as("ann", string(make([]byte, 100))), as("ann", "right\x00"),
	} {
		if s, err := a.Login(t.Context(), c); !errors.Is(err, nacos.ErrLogin) || s.Token != "" {
			t.Errorf("%q %q: %+v, %v", c.User, c.Password, s, err)
		}
	}
}

func TestANameThatIsNotThereTakesAsLong(t *testing.T) {
	for _, cost := range []int{0, bcrypt.MinCost} {
		store, _ := newStore()
		a, err := New(Options{Store: store, Cost: cost})
		must(t, err)
		must(t, a.CreateUser(t.Context(), "ann", "pw"))
		u, err := a.user("ann")
		must(t, err)
		is, err := bcrypt.Cost([]byte(u.hash))
		must(t, err)
		not, err := bcrypt.Cost(a.passwords.nobody)
		must(t, err)
		if is != not || cost == 0 && is != 10 {
			t.Errorf("a name that is there costs %d, one that is not %d", is, not)
		}
	}
	store, _ := newStore()
	if _, err := New(Options{Store: store, Cost: 99}); err == nil {
		t.Error("took a cost that nobody can pay")
	}
}

func TestCheckAsksWhomItIsToldTo(t *testing.T) {
	client, operator := nacos.Resource{Namespace: "public"}, nacos.Resource{Admin: true}
	nobody := nacos.Credentials{}
	for _, tt := range []struct {
		o                Options
		client, operator error
	}{
		{Options{}, nil, nil},
		{Options{Clients: true}, nacos.ErrToken, nil},
		{Options{Admin: true}, nil, nacos.ErrToken},
		{Options{Clients: true, Admin: true}, nacos.ErrToken, nacos.ErrToken},
	} {
		a := newAuth(t, tt.o)
		if a.Enabled() != (tt.client != nil || tt.operator != nil) {
			t.Errorf("%+v: enabled %v", tt.o, a.Enabled())
		}
		if err := a.Check(t.Context(), nobody, client, nacos.Read); !errors.Is(err, tt.client) {
			t.Errorf("%+v: client: %v", tt.o, err)
		}
		if err := a.Check(t.Context(), nobody, operator, nacos.Read); !errors.Is(err, tt.operator) {
			t.Errorf("%+v: operator: %v", tt.o, err)
		}
	}
}

func TestRightsDecideOfOthersThanAdministrators(t *testing.T) {
	var asked []string
	rights := func(u User, r nacos.Resource, act nacos.Action) bool {
		asked = append(asked, u.Name+" "+r.Name+" "+string(act))
		return act == nacos.Read
	}
	a := newAuth(t, Options{Clients: true, Rights: rights})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	_, err := a.EnsureAdmin(t.Context(), "admin")
	must(t, err)
	res := nacos.Resource{Name: "svc"}
	must(t, a.Check(t.Context(), as(AdminName, "admin"), res, nacos.Write))
	if len(asked) != 0 {
		t.Errorf("asked what an administrator may: %q", asked)
	}
	token := nacos.Credentials{Token: mustLogin(t, a, "ann", "pw").Token}
	must(t, a.Check(t.Context(), token, res, nacos.Read))
	if err := a.Check(t.Context(), token, res, nacos.Write); !errors.Is(err, nacos.ErrForbidden) {
		t.Error(err)
	}
	if err := newAuth(t, Options{Store: a.store, Clients: true}).Check(t.Context(), token, res, nacos.Read); !errors.Is(err, nacos.ErrForbidden) {
		t.Error("without rights:", err)
	}
}

func TestAPasswordStandsForAToken(t *testing.T) {
	a := newAuth(t, Options{Clients: true, Rights: func(User, nacos.Resource, nacos.Action) bool { return true }})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	must(t, a.Check(t.Context(), as("ann", "pw"), nacos.Resource{}, nacos.Write))
	if err := a.Check(t.Context(), as("ann", "no"), nacos.Resource{}, nacos.Write); !errors.Is(err, nacos.ErrLogin) {
		t.Error(err)
	}
	// A bad token is not made good by a password beside it.
	both := as("ann", "pw")
	both.Token = "x.y.z"
	if err := a.Check(t.Context(), both, nacos.Resource{}, nacos.Write); !errors.Is(err, nacos.ErrToken) {
		t.Error(err)
	}
}

func TestWhoFailsTooOftenMustWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, Options{})
		must(t, a.CreateUser(t.Context(), "ann", "pw"))
		must(t, a.CreateUser(t.Context(), "bob", "pw"))
		for range burstPerName {
			if _, err := a.Login(t.Context(), as("ann", "wrong")); !errors.Is(err, nacos.ErrLogin) {
				t.Fatal(err)
			}
		}
		if _, err := a.Login(t.Context(), as("ann", "pw")); !errors.Is(err, nacos.ErrTooManyLogins) {
			t.Fatal("the right password after many wrong ones:", err)
		}
		mustLogin(t, a, "bob", "pw") // from the same address
		elsewhere := as("ann", "pw")
		elsewhere.RemoteAddr = "192.0.2.2"
		if _, err := a.Login(t.Context(), elsewhere); err != nil {
			t.Error("the same name from elsewhere:", err)
		}
		time.Sleep(refillPerName)
		mustLogin(t, a, "ann", "pw")
		for range burstPerName { // forgotten by the success
			if _, err := a.Login(t.Context(), as("ann", "wrong")); !errors.Is(err, nacos.ErrLogin) {
				t.Fatal(err)
			}
		}
	})
}

func TestGuessesAtOnceAreNoMoreThanOneAfterAnother(t *testing.T) {
	a := newAuth(t, Options{})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	var tried, refused int
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 5 * burstPerName {
		wg.Go(func() {
			_, err := a.Login(t.Context(), as("ann", "wrong"))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case errors.Is(err, nacos.ErrLogin):
				tried++
			case errors.Is(err, nacos.ErrTooManyLogins):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most := burstPerName + cap(a.passwords.turns) - 1; tried < burstPerName || tried > most || tried+refused != 5*burstPerName {
		t.Errorf("%d passwords were tried, %d refused; at most %d", tried, refused, most)
	}
}

func TestWaitingForATurnEndsWithTheCaller(t *testing.T) {
	a := newAuth(t, Options{})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	for range cap(a.passwords.turns) {
		must(t, a.passwords.acquire(t.Context()))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Login(ctx, as("ann", "pw")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNoSuccessThatWasNotKept(t *testing.T) {
	store, plane := newStore()
	a := newAuth(t, Options{Store: store})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	plane.down = errors.New("no quorum")
	for name, err := range map[string]error{
		"create": a.CreateUser(t.Context(), "bob", "pw"),
		"set":    a.SetPassword(t.Context(), "ann", "new"),
		"delete": a.DeleteUser(t.Context(), "ann"),
		"renew":  a.RenewSecret(t.Context()),
	} {
		if !errors.Is(err, plane.down) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := a.EnsureAdmin(t.Context(), ""); !errors.Is(err, plane.down) {
		t.Error("admin:", err)
	}
	if _, err := a.Login(t.Context(), as("ann", "pw")); !errors.Is(err, plane.down) {
		t.Error("a token without a secret:", err)
	}
}
