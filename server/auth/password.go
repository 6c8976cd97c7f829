package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/crypto/bcrypt"

	"github.com/musterhq/muster/server/registry"
)

// nobodysHash has the default cost, so that a name that is not there takes as
// long to check as one that is.
const (
	defaultCost = 10
	nobodysHash = "$2a$10$NgIJAIMBv1bnMOUnQx2FEeWaNKRfbTh5XasaT9g1w7jzNcGsiLE8u"
)

// maxPassword is what bcrypt looks at. What is longer is refused, for a
// password of which only a part counts is not the one that was given.
const maxPassword = 72

func checkPassword(p string) error {
	if p == "" || len(p) > maxPassword {
		return &registry.InvalidError{Param: "password", Text: fmt.Sprintf("a password has 1 to %d bytes", maxPassword)}
	}
	return nil
}

// passwords hashes passwords, a few at a time.
//
// It remembers which password a hash was found to be of, as a keyed hash that
// is fast and does not outlive the process: ten thousand clients that log in as
// one user, after they were all updated, would else take minutes. Guessing
// gains nothing by it, since the limits of failed logins come first.
type passwords struct {
	turns  chan struct{}
	key    [32]byte
	cost   int
	nobody []byte // the hash that is looked at if there is no user

	mu    sync.Mutex
	known map[string][sha256.Size]byte // by bcrypt's hash
}

func (p *passwords) init(cost int) error {
	p.turns = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	p.cost, p.nobody = cost, []byte(nobodysHash)
	if cost != defaultCost {
		var err error
		if p.nobody, err = bcrypt.GenerateFromPassword([]byte(rand.Text()), cost); err != nil {
			return fmt.Errorf("auth: cost: %w", err)
		}
	}
	_, _ = rand.Read(p.key[:]) // never fails, see its documentation
	p.known = make(map[string][sha256.Size]byte)
	return nil
}

// acquire waits for a turn.
func (p *passwords) acquire(ctx context.Context) error {
	select {
	case p.turns <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to check a password: %w", ctx.Err())
	}
}

func (p *passwords) release() { <-p.turns }

// hash returns the hash to keep of a password.
func (p *passwords) hash(ctx context.Context, password string) (string, error) {
	if err := p.acquire(ctx); err != nil {
		return "", err
	}
	defer p.release()
	b, err := bcrypt.GenerateFromPassword([]byte(password), p.cost)
	if err != nil {
		return "", fmt.Errorf("hashing a password: %w", err)
	}
	return string(b), nil
}

// match reports whether a hash is of a password. The caller has a turn. An
// empty hash is of none, and takes as long.
func (p *passwords) match(hash, password string) bool {
	sum := p.sum(hash, password)
	p.mu.Lock()
	known, ok := p.known[hash]
	p.mu.Unlock()
	if ok && hmac.Equal(known[:], sum[:]) {
		return true
	}
	if hash == "" {
		_ = bcrypt.CompareHashAndPassword(p.nobody, []byte(password)) // whatever it says
		return false
	}
	if bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxUsers {
		clear(p.known) // mostly of passwords of the past
	}
	p.known[hash] = sum
	return true
}

func (p *passwords) sum(hash, password string) (out [sha256.Size]byte) {
	m := hmac.New(sha256.New, p.key[:])
	m.Write([]byte(hash))
	m.Write([]byte{0})
	m.Write([]byte(password))
	m.Sum(out[:0])
	return out
}
