package auth

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

const (
	userBucket = "users"
	maxUsers   = 10_000
	maxName    = 64
)

// User is somebody who can log in.
type User struct {
	Name    string
	Admin   bool // may do everything
	Created time.Time

	hash    string // bcrypt's
	edition string // changes with the password, and is in all tokens
}

// userDocument is how a user is kept. Fields are only ever added.
type userDocument struct {
	Hash    string `json:"hash"`
	Edition string `json:"edition"`
	Admin   bool   `json:"admin,omitempty"`
	Created int64  `json:"created"` // milliseconds
}

func (u User) encode() ([]byte, error) {
	b, err := json.Marshal(userDocument{u.hash, u.edition, u.Admin, u.Created.UnixMilli()})
	if err != nil {
		return nil, fmt.Errorf("user %q: %w", u.Name, err)
	}
	return b, nil
}

func decodeUser(name string, b []byte) (User, error) {
	var d userDocument
	if err := json.Unmarshal(b, &d); err != nil {
		return User{}, fmt.Errorf("user %q: %w", name, err)
	}
	return User{Name: name, Admin: d.Admin, Created: time.UnixMilli(d.Created), hash: d.Hash, edition: d.Edition}, nil
}

// user returns a user, or [nacos.ErrNoUser].
func (a *Auth) user(name string) (User, error) {
	b := a.store.Document(userBucket, name)
	if b == nil {
		return User{}, fmt.Errorf("%w: %s", nacos.ErrNoUser, name)
	}
	return decodeUser(name, b)
}

// Users returns the names of all users in order.
func (a *Auth) Users() []string { return a.store.Documents(userBucket) }

// CreateUser makes a user, who may do nothing yet.
func (a *Auth) CreateUser(ctx context.Context, name, password string) error {
	return a.create(ctx, name, password, false)
}

func (a *Auth) create(ctx context.Context, name, password string, admin bool) error {
	if err := checkName(name); err != nil {
		return err
	}
	if _, err := a.user(name); err == nil {
		return fmt.Errorf("%w: %s", nacos.ErrUserExists, name)
	}
	if n := len(a.Users()); n >= maxUsers {
		return fmt.Errorf("%w: %d users", registry.ErrLimit, n)
	}
	u := User{Name: name, Admin: admin, Created: time.Now()}
	err := a.put(ctx, u, password, registry.DocumentWrite{If: registry.IfAbsent})
	if errors.Is(err, registry.ErrConflict) {
		return fmt.Errorf("%w: %s", nacos.ErrUserExists, name)
	}
	return err
}

// SetPassword gives a user another password. Tokens of the one before are good
// no more.
func (a *Auth) SetPassword(ctx context.Context, name, password string) error {
	for {
		old := a.store.Document(userBucket, name)
		if old == nil {
			return fmt.Errorf("%w: %s", nacos.ErrNoUser, name)
		}
		u, err := decodeUser(name, old)
		if err != nil {
			return err
		}
		// If somebody else changes the user meanwhile: once more, or one of the
		// two changes would be lost.
		err = a.put(ctx, u, password, registry.DocumentWrite{If: registry.IfEqual, Expected: old})
		if !errors.Is(err, registry.ErrConflict) {
			return err
		}
	}
}

// put keeps a user with a password.
func (a *Auth) put(ctx context.Context, u User, password string, w registry.DocumentWrite) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	var err error
	if u.hash, err = a.passwords.hash(ctx, password); err != nil {
		return err
	}
	u.edition = rand.Text()
	w.Bucket, w.Key = userBucket, u.Name
	if w.Value, err = u.encode(); err != nil {
		return err
	}
	return a.store.PutDocument(ctx, w)
}

// DeleteUser deletes a user; that there is none is no error.
func (a *Auth) DeleteUser(ctx context.Context, name string) error {
	u, err := a.user(name)
	switch {
	case errors.Is(err, nacos.ErrNoUser):
		return nil
	case err != nil:
		return err
	case u.Admin:
		return fmt.Errorf("%w: %s", nacos.ErrUserAdmin, name)
	}
	return a.store.RemoveDocument(ctx, userBucket, name)
}

// AdminName is the name of the first administrator, the one that clients know.
const AdminName = "nacos"

// EnsureAdmin makes the first administrator if there is none. With no password
// given it draws one and returns it, once: show it to the operator, it is kept
// nowhere. It returns "" if there was nothing to do, also if another server
// was faster, and if the password was given. With an error it returns what it
// drew as well: that may have become the password all the same.
func (a *Auth) EnsureAdmin(ctx context.Context, password string) (drawn string, err error) {
	for _, name := range a.Users() {
		if u, err := a.user(name); err == nil && u.Admin {
			return "", nil
		}
	}
	if password == "" {
		drawn = rand.Text()
		password = drawn
	}
	err = a.create(ctx, AdminName, password, true)
	switch {
	case errors.Is(err, nacos.ErrUserExists):
		return "", nil
	case err != nil:
		return drawn, fmt.Errorf("the first administrator: %w", err)
	}
	return drawn, nil
}

// checkName admits what can stand in a URL and in a log as it is.
func checkName(name string) error {
	if name == "" || len(name) > maxName {
		return &registry.InvalidError{Param: "username", Text: fmt.Sprintf("a user's name has 1 to %d characters", maxName)}
	}
	for i := range len(name) {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '-', c == '_', c == '.', c == '@':
		default:
			return &registry.InvalidError{Param: "username", Text: "a user's name has letters, digits, '-', '_', '.' and '@'"}
		}
	}
	return nil
}
