package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

func TestTheFirstAdministratorIsMadeOnce(t *testing.T) {
	store, _ := newStore()
	drawn := make([]string, 4)
	var wg sync.WaitGroup
	for i := range drawn { // servers that start at once
		a := newAuth(t, Options{Store: store})
		wg.Go(func() {
			var err error
			if drawn[i], err = a.EnsureAdmin(t.Context(), ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	shown := slices.DeleteFunc(slices.Clone(drawn), func(s string) bool { return s == "" })
	if len(shown) != 1 {
		t.Fatalf("%d servers show a password", len(shown))
	}
	a := newAuth(t, Options{Store: store})
	if again, err := a.EnsureAdmin(t.Context(), "given"); err != nil || again != "" {
		t.Errorf("once more: %q, %v", again, err)
	}
	mustLogin(t, a, AdminName, shown[0])
}

func TestTheFirstAdministratorTakesAGivenPassword(t *testing.T) {
	a := newAuth(t, Options{})
	if drawn, err := a.EnsureAdmin(t.Context(), "given"); err != nil || drawn != "" {
		t.Errorf("%q, %v", drawn, err)
	}
	if !mustLogin(t, a, AdminName, "given").GlobalAdmin {
		t.Error("is no administrator")
	}
	if err := a.DeleteUser(t.Context(), AdminName); !errors.Is(err, nacos.ErrUserAdmin) {
		t.Error("deleted:", err)
	}
	if _, err := newAuth(t, Options{}).EnsureAdmin(t.Context(), strings.Repeat("x", 73)); !errors.Is(err, registry.ErrInvalid) {
		t.Error("a password of which a part would not count:", err)
	}
}

func TestUsers(t *testing.T) {
	a := newAuth(t, Options{})
	ctx := t.Context()
	must(t, a.CreateUser(ctx, "bob", "pw"))
	must(t, a.CreateUser(ctx, "ann@example.com", "pw"))
	if got := a.Users(); !slices.Equal(got, []string{"ann@example.com", "bob"}) {
		t.Errorf("users %q", got)
	}
	if err := a.CreateUser(ctx, "bob", "other"); !errors.Is(err, nacos.ErrUserExists) {
		t.Error("twice:", err)
	}
	must(t, a.SetPassword(ctx, "bob", "other"))
	mustLogin(t, a, "bob", "other")
	if _, err := a.Login(ctx, as("bob", "pw")); !errors.Is(err, nacos.ErrLogin) {
		t.Error("the password before:", err)
	}
	if err := a.SetPassword(ctx, "eve", "pw"); !errors.Is(err, nacos.ErrNoUser) {
		t.Error("of nobody:", err)
	}
	must(t, a.DeleteUser(ctx, "bob"))
	must(t, a.DeleteUser(ctx, "bob"))
	if _, err := a.Login(ctx, as("bob", "other")); !errors.Is(err, nacos.ErrLogin) {
		t.Error("deleted:", err)
	}
	for _, name := range []string{"", "a b", "a/b", "ä", "a\n", "a'--", strings.Repeat("x", 65)} {
		if err := a.CreateUser(ctx, name, "pw"); !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, pw := range []string{"", strings.Repeat("x", 73)} {
		if err := a.CreateUser(ctx, "eve", pw); !errors.Is(err, registry.ErrInvalid) {
			t.Errorf("%q: %v", pw, err)
		}
	}
}

func TestNoPasswordIsKept(t *testing.T) {
	store, _ := newStore()
	a := newAuth(t, Options{Store: store})
	must(t, a.CreateUser(t.Context(), "ann", "swordfish"))
	mustLogin(t, a, "ann", "swordfish")
	if doc := string(store.Document(userBucket, "ann")); strings.Contains(doc, "swordfish") || !strings.Contains(doc, "$2a$") {
		t.Error(doc)
	}
}

func TestPasswordsThatChangeAtOnce(t *testing.T) {
	store, _ := newStore()
	a, b := newAuth(t, Options{Store: store}), newAuth(t, Options{Store: store})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	var wg sync.WaitGroup
	for _, srv := range []*Auth{a, b} {
		wg.Go(func() {
			if err := srv.SetPassword(t.Context(), "ann", "new"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	mustLogin(t, a, "ann", "new")
}

// overtaken is a store in which somebody else is faster, once.
type overtaken struct {
	Store
	by func()
}

func (o *overtaken) PutDocument(ctx context.Context, w registry.DocumentWrite) error {
	if by := o.by; by != nil {
		o.by = nil
		by()
	}
	return o.Store.PutDocument(ctx, w)
}

func TestWhoIsOvertakenUndoesNothing(t *testing.T) {
	store, _ := newStore()
	other := newAuth(t, Options{Store: store})
	slow := &overtaken{Store: store}
	a := newAuth(t, Options{Store: slow})

	slow.by = func() { must(t, other.CreateUser(t.Context(), "ann", "first")) }
	if err := a.CreateUser(t.Context(), "ann", "second"); !errors.Is(err, nacos.ErrUserExists) {
		t.Error("created twice:", err)
	}
	slow.by = func() { must(t, other.DeleteUser(t.Context(), "ann")) }
	if err := a.SetPassword(t.Context(), "ann", "new"); !errors.Is(err, nacos.ErrNoUser) {
		t.Error("a user came back who was deleted:", err)
	}
	var first []byte
	slow.by = func() {
		var err error
		first, err = other.secret(t.Context())
		must(t, err)
	}
	if key, err := a.secret(t.Context()); err != nil || !bytes.Equal(key, first) {
		t.Error("two secrets:", err)
	}
}

func TestARememberedPasswordIsNoOther(t *testing.T) {
	a := newAuth(t, Options{})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	must(t, a.CreateUser(t.Context(), "bob", "pw2"))
	for range 2 {
		mustLogin(t, a, "ann", "pw")
	}
	if len(a.passwords.known) != 1 {
		t.Fatalf("%d remembered", len(a.passwords.known))
	}
	for _, c := range []nacos.Credentials{as("ann", "pw2"), as("ann", "pwx"), as("bob", "pw")} {
		if _, err := a.Login(t.Context(), c); !errors.Is(err, nacos.ErrLogin) {
			t.Errorf("%s %s: %v", c.User, c.Password, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	long := []byte("0123456789abcdef0123456789abcdef")
	for _, tt := range []struct {
		text string
		ok   bool
	}{
		{b64(long), true},
		{" " + b64(long) + "\n", true},
		{"", false},
		{b64(long[:31]), false},
		{"not base64!", false},
		// Those that Nacos had, or has in its manual.
		{"SecretKey012345678901234567890123456789012345678901234567890123456789", false},
		{"SecretKey01234567890123456789012345678901234567890123456789012345678", false},
		{"VGhpc0lzTXlDdXN0b21TZWNyZXRLZXkwMTIzNDU2Nzg=", false},
	} {
		if _, err := ParseSecret(tt.text); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrSecret) {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
	store, _ := newStore()
	if _, err := New(Options{Store: store, Secret: []byte{}}); !errors.Is(err, ErrSecret) {
		t.Error("an empty secret is none:", err)
	}
}

func TestAGivenSecretIsUsed(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	store, _ := newStore()
	a := newAuth(t, Options{Store: store, Secret: key, Clients: true})
	_, err := a.EnsureAdmin(t.Context(), "pw")
	must(t, err)
	token := mustLogin(t, a, AdminName, "pw").Token
	must(t, check(newAuth(t, Options{Store: store, Secret: key, Clients: true}), token))
	if err := check(newAuth(t, Options{Store: store, Clients: true}), token); !errors.Is(err, nacos.ErrToken) {
		t.Error("with another secret:", err)
	}
	if store.Document(secretBucket, secretKey) != nil {
		t.Error("a secret is kept although one was given")
	}
	if err := a.RenewSecret(t.Context()); !errors.Is(err, ErrSecret) {
		t.Error("renewed:", err)
	}
}

func TestServersDrawOneSecret(t *testing.T) {
	store, _ := newStore()
	keys := make([]string, 8)
	var wg sync.WaitGroup
	for i := range keys {
		a := newAuth(t, Options{Store: store})
		wg.Go(func() {
			k, err := a.secret(t.Context())
			if err != nil {
				t.Error(err)
			}
			keys[i] = string(k)
		})
	}
	wg.Wait()
	if keys = slices.Compact(keys); len(keys) != 1 || len(keys[0]) < minSecret {
		t.Errorf("%d secrets", len(keys))
	}
}
