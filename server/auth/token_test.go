package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/musterhq/muster/server/nacos"
)

func check(a *Auth, token string) error {
	return a.Check(context.Background(), nacos.Credentials{Token: token}, nacos.Resource{}, nacos.Write)
}

func signed(t *testing.T, m jwt.SigningMethod, key any, c jwt.Claims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(m, c).SignedString(key)
	must(t, err)
	return s
}

func TestForgedTokens(t *testing.T) {
	a := newAuth(t, Options{Clients: true})
	_, err := a.EnsureAdmin(t.Context(), "pw")
	must(t, err)
	good := mustLogin(t, a, AdminName, "pw").Token
	must(t, check(a, good))
	key := a.knownSecret()
	admin, err := a.user(AdminName)
	must(t, err)

	say := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"sub": AdminName, "edn": admin.edition, "exp": time.Now().Add(time.Hour).Unix()}
		if change != nil {
			change(c)
		}
		return c
	}
	must(t, check(a, signed(t, jwt.SigningMethodHS256, key, say(nil)))) // so that what follows fails for its own reason
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: x509.MarshalPKCS1PublicKey(&private.PublicKey)})
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString

	for name, token := range map[string]string{
		"nothing":              "",
		"no token":             "x",
		"the open door's":      "open",
		"dots":                 "..",
		"alg none":             signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, say(nil)),
		"alg None":             b64([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".",
		"alg none, signature":  b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2],
		"no alg":               b64([]byte(`{}`)) + "." + parts[1] + "." + parts[2],
		"HS384":                signed(t, jwt.SigningMethodHS384, key, say(nil)),
		"HS512":                signed(t, jwt.SigningMethodHS512, key, say(nil)),
		"RS256":                signed(t, jwt.SigningMethodRS256, private, say(nil)),
		"public key as secret": signed(t, jwt.SigningMethodHS256, public, say(nil)),
		"another secret":       signed(t, jwt.SigningMethodHS256, make([]byte, 64), say(nil)),
		"empty secret":         signed(t, jwt.SigningMethodHS256, []byte{}, say(nil)),
		"part of the secret":   signed(t, jwt.SigningMethodHS256, key[:32], say(nil)),
		"without signature":    parts[0] + "." + parts[1] + ".",
		"signature cut":        good[:len(good)-2],
		"signature padded":     good + "=",
		"signature otherwise":  good[:len(good)-1] + otherwise(good[len(good)-1]),
		"signed and too long":  signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { c["x"] = strings.Repeat("x", maxToken) })),
		"three dots":           good + ".x",
		"other claims":         parts[0] + "." + b64([]byte(`{"sub":"nacos","exp":9999999999}`)) + "." + parts[2],
		"expired":              signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Second).Unix() })),
		"never expires":        signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { delete(c, "exp") })),
		"expires at text":      signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { c["exp"] = "never" })),
		"not yet good":         signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() })),
		"no edition":           signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { delete(c, "edn") })),
		"another edition":      signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { c["edn"] = "x" })),
		"no subject":           signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { delete(c, "sub") })),
		"unknown subject":      signed(t, jwt.SigningMethodHS256, key, say(func(c jwt.MapClaims) { c["sub"] = "ann" })),
		"too long":             good + strings.Repeat("A", maxToken),
		"with Bearer":          "Bearer " + good,
	} {
		if err := check(a, token); !errors.Is(err, nacos.ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// otherwise returns another last letter of a signature that a lenient decoder
// reads as the same bytes: the last two of its bits are none of them.
func otherwise(last byte) string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(letters[strings.IndexByte(letters, last)|1])
}

func TestATokenIsGoodForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAuth(t, Options{Clients: true})
		_, err := a.EnsureAdmin(t.Context(), "pw")
		must(t, err)
		token := mustLogin(t, a, AdminName, "pw").Token
		time.Sleep(DefaultTTL - time.Second)
		must(t, check(a, token))
		must(t, check(a, token)) // remembered
		time.Sleep(2 * time.Second)
		if err := check(a, token); !errors.Is(err, nacos.ErrToken) {
			t.Error("after its time:", err)
		}
	})
}

func TestTokensEndWithTheirPassword(t *testing.T) {
	store, _ := newStore()
	all := func(User, nacos.Resource, nacos.Action) bool { return true }
	a := newAuth(t, Options{Store: store, Clients: true, Rights: all})
	other := newAuth(t, Options{Store: store, Clients: true, Rights: all})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	end := func(what string, f func() error) {
		t.Helper()
		token := mustLogin(t, a, "ann", "pw").Token
		must(t, check(other, token))
		must(t, f())
		if err := check(other, token); !errors.Is(err, nacos.ErrToken) {
			t.Errorf("%s: %v", what, err)
		}
	}
	end("the same password anew", func() error { return a.SetPassword(t.Context(), "ann", "pw") })
	end("another secret", func() error { return a.RenewSecret(t.Context()) })
	end("deleted", func() error { return a.DeleteUser(t.Context(), "ann") })
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	end("another of that name", func() error {
		return errors.Join(a.DeleteUser(t.Context(), "ann"), a.CreateUser(t.Context(), "ann", "pw"))
	})
}

func TestRememberedTokensAreBounded(t *testing.T) {
	a := newAuth(t, Options{})
	must(t, a.CreateUser(t.Context(), "ann", "pw"))
	u, err := a.user("ann")
	must(t, err)
	for i := range maxTokens + 10 {
		a.opts.TTL = time.Hour + time.Duration(i)*time.Second // so that each is another
		token, err := a.issue(t.Context(), u)
		must(t, err)
		_, err = a.read(token)
		must(t, err)
		if len(a.tokens.known) > maxTokens {
			t.Fatalf("%d tokens", len(a.tokens.known))
		}
	}
}

// FuzzToken looks for a token that is taken although HMAC-SHA256 over its text
// says that it is not ours.
func FuzzToken(f *testing.F) {
	a := newAuth(f, Options{Clients: true})
	if _, err := a.EnsureAdmin(f.Context(), "pw"); err != nil {
		f.Fatal(err)
	}
	good := mustLogin(f, a, AdminName, "pw").Token
	key := a.knownSecret()
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	for _, s := range []string{good, "", ".", "..", "a.b.c", none + "." + parts[1] + ".", parts[0] + "." + parts[1] + ".", good + "=", good[1:], parts[0] + ".e30." + parts[2]} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, token string) {
		u, err := a.read(token)
		if err != nil {
			if !errors.Is(err, nacos.ErrToken) || u.Name != "" {
				t.Fatalf("%q: user %q, %v", token, u.Name, err)
			}
			return
		}
		p := strings.Split(token, ".")
		if len(p) != 3 {
			t.Fatalf("took %q", token)
		}
		m := hmac.New(sha256.New, key)
		m.Write([]byte(p[0] + "." + p[1]))
		sig, err := base64.RawURLEncoding.Strict().DecodeString(p[2])
		if err != nil || !hmac.Equal(sig, m.Sum(nil)) {
			t.Fatalf("took %q", token)
		}
		head, err := base64.RawURLEncoding.DecodeString(p[0])
		var h struct{ Alg string }
		if err != nil || json.Unmarshal(head, &h) != nil || h.Alg != "HS256" {
			t.Fatalf("took %q", token)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	a := newAuth(b, Options{Clients: true})
	_, err := a.EnsureAdmin(b.Context(), "pw")
	must(b, err)
	c := nacos.Credentials{Token: mustLogin(b, a, AdminName, "pw").Token}
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Check(b.Context(), c, nacos.Resource{}, nacos.Read); err != nil {
			b.Fatal(err)
		}
	}
}
