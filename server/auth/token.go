package auth

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/musterhq/muster/server/nacos"
)

// maxToken bounds what is looked at. A token of ours has about 200 bytes.
const maxToken = 2048

// claims are what a token says. The subject and the expiry are where Nacos has
// them; a token without an edition, which Nacos may have made from the same
// secret, is of no user's present password.
type claims struct {
	jwt.RegisteredClaims
	Edition string `json:"edn"`
}

// parser takes the one algorithm that tokens are signed with: what a token
// says of itself must not choose how it is checked (RFC 8725, 3.1).
var parser = jwt.NewParser(
	jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
	jwt.WithExpirationRequired(),
	jwt.WithStrictDecoding(),
)

// issue returns a token for a user.
func (a *Auth) issue(ctx context.Context, u User) (string, error) {
	key, err := a.secret(ctx)
	if err != nil {
		return "", err
	}
	now := time.Now()
	c := claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject:   u.Name,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(now.Add(a.opts.TTL)),
		},
		Edition: u.edition,
	}
	s, err := jwt.NewWithClaims(jwt.SigningMethodHS256, c).SignedString(key)
	if err != nil {
		return "", fmt.Errorf("signing a token: %w", err)
	}
	return s, nil
}

// read returns the user that a token is of. All that is wrong with it is
// [nacos.ErrToken]: a caller has no use for more, and a forger would have.
func (a *Auth) read(token string) (User, error) {
	if token == "" || len(token) > maxToken {
		return User{}, nacos.ErrToken
	}
	key := a.knownSecret()
	if key == nil {
		return User{}, nacos.ErrToken
	}
	c, err := a.tokens.parse(token, key)
	if err != nil {
		return User{}, nacos.ErrToken
	}
	u, err := a.user(c.Subject)
	switch {
	case errors.Is(err, nacos.ErrNoUser):
		return User{}, nacos.ErrToken
	case err != nil:
		return User{}, err
	case u.edition == "" || subtle.ConstantTimeCompare([]byte(c.Edition), []byte(u.edition)) != 1:
		return User{}, nacos.ErrToken // of an earlier password, or of an earlier user of that name
	}
	return u, nil
}

// maxTokens bounds the tokens that are remembered.
const maxTokens = 16_384

// tokens remembers what tokens say that were found to be good, for each request
// carries one, and to read it takes several times what the rest of the request
// does. Whose it is, and whether it still is good, is looked up each time.
type tokens struct {
	mu    sync.RWMutex
	key   string // the secret that they are signed with
	known map[string]claims
}

// parse returns what a token says that is signed with key and not too old.
func (t *tokens) parse(token string, key []byte) (claims, error) {
	t.mu.RLock()
	c, ok := t.known[token]
	ok = ok && t.key == string(key)
	t.mu.RUnlock()
	if ok && time.Now().Before(c.ExpiresAt.Time) {
		return c, nil
	}
	c = claims{}
	_, err := parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return key, nil })
	if err != nil {
		return claims{}, fmt.Errorf("%w: %w", nacos.ErrToken, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.known == nil || t.key != string(key) || len(t.known) >= maxTokens {
		t.key, t.known = string(key), make(map[string]claims)
	}
	t.known[strings.Clone(token)] = c
	return c, nil
}
