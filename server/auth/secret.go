package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/musterhq/muster/server/registry"
)

// Where the secret is.
const (
	secretBucket = "auth"
	secretKey    = "secret"
)

// minSecret is the length of what HMAC-SHA256 makes (RFC 7518, 3.2).
const minSecret = 32

// ErrSecret wraps what is wrong with a secret that an operator gave.
var ErrSecret = errors.New("token secret")

// ParseSecret reads a secret as Nacos is given it: at least 32 bytes in Base64.
func ParseSecret(s string) ([]byte, error) {
	b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(s))
	if err != nil {
		return nil, fmt.Errorf("%w is not Base64: %w", ErrSecret, err)
	}
	return b, checkSecret(b)
}

func checkSecret(b []byte) error {
	if len(b) < minSecret {
		return fmt.Errorf("%w has %d bytes, less than %d", ErrSecret, len(b), minSecret)
	}
	text := base64.StdEncoding.EncodeToString(b)
	for _, known := range published {
		if strings.HasPrefix(string(b), known) || strings.HasPrefix(text, known) {
			return fmt.Errorf("%w stands in Nacos' manual, everybody has it: draw another one", ErrSecret)
		}
	}
	return nil
}

// published begin secrets, as text or as what it decodes to, that Nacos had by
// default until 2.2.0, or has as examples, which its users keep: whoever knows
// them is every user.
var published = []string{"SecretKey0123", "ThisIsMyCustomSecretKey"}

// knownSecret returns the secret, nil if none was drawn yet. It is read anew
// each time, for it may be drawn anew.
func (a *Auth) knownSecret() []byte {
	if a.opts.Secret != nil {
		return a.opts.Secret
	}
	if key := a.store.Document(secretBucket, secretKey); len(key) >= minSecret {
		return key
	}
	return nil
}

// secret returns the secret, and draws one if there is none. If several
// servers do at once, one of them wins.
func (a *Auth) secret(ctx context.Context) ([]byte, error) {
	if key := a.knownSecret(); key != nil {
		return key, nil
	}
	err := a.putSecret(ctx, registry.IfAbsent)
	if err != nil && !errors.Is(err, registry.ErrConflict) {
		return nil, fmt.Errorf("keeping a secret for tokens: %w", err)
	}
	if key := a.knownSecret(); key != nil {
		return key, nil
	}
	return nil, fmt.Errorf("%w: no secret for tokens yet", registry.ErrNotReady)
}

// RenewSecret draws another secret: no token that was given is good any more.
func (a *Auth) RenewSecret(ctx context.Context) error {
	if a.opts.Secret != nil {
		return fmt.Errorf("%w is given by the operator: give another one", ErrSecret)
	}
	return a.putSecret(ctx, registry.Always)
}

func (a *Auth) putSecret(ctx context.Context, when registry.Condition) error {
	key := make([]byte, 2*minSecret)
	_, _ = rand.Read(key) // never fails, see its documentation
	return a.store.PutDocument(ctx, registry.DocumentWrite{Bucket: secretBucket, Key: secretKey, Value: key, If: when})
}
