package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

// A Store keeps documents that the servers agree on. [registry.Registry] is
// one. A write returns once it is kept, and can be read here.
type Store interface {
	Document(bucket, key string) []byte
	Documents(bucket string) []string
	PutDocument(ctx context.Context, w registry.DocumentWrite) error
	RemoveDocument(ctx context.Context, bucket, key string) error
}

// DefaultTTL is how long a token is good for.
const DefaultTTL = 18000 * time.Second

// Options make an Auth. What is left out has a default.
type Options struct {
	Store Store
	// Secret signs tokens; see [ParseSecret]. It must be the same on all
	// servers. Nil: the cluster draws one and keeps it in the store.
	Secret []byte
	TTL    time.Duration
	// Cost is how much work it is to check a password, as bcrypt counts: 10,
	// some 50 ms, as Nacos does. One more doubles it. Tests have less.
	Cost int
	// Clients has requests of clients be asked for a token, and Admin those of
	// operators. Logging in works, and users are kept from others, either way.
	Clients, Admin bool
	// Rights says what a user who is no administrator may do: nil, nothing.
	Rights func(User, nacos.Resource, nacos.Action) bool
	Logger *slog.Logger
}

// Auth is a [nacos.Authorizer] and its [nacos.Users]. It has nothing to be closed.
type Auth struct {
	opts      Options
	store     Store
	log       *slog.Logger
	failures  failures
	passwords passwords
	tokens    tokens
}

var (
	_ nacos.Authorizer = (*Auth)(nil)
	_ nacos.Users      = (*Auth)(nil)
)

// New makes an Auth. An error says that an option will not do.
func New(o Options) (*Auth, error) {
	if o.Store == nil {
		return nil, errors.New("auth: no store")
	}
	if o.Secret != nil {
		if err := checkSecret(o.Secret); err != nil {
			return nil, err
		}
	}
	if o.TTL == 0 {
		o.TTL = DefaultTTL
	}
	if o.TTL < time.Second {
		return nil, fmt.Errorf("auth: tokens that are good for %v", o.TTL)
	}
	if o.Cost == 0 {
		o.Cost = defaultCost
	}
	if o.Rights == nil {
		o.Rights = func(User, nacos.Resource, nacos.Action) bool { return false }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a := &Auth{opts: o, store: o.Store, log: o.Logger}
	a.failures.init()
	if err := a.passwords.init(o.Cost); err != nil {
		return nil, err
	}
	return a, nil
}

// Enabled reports whether anybody is asked for anything.
func (a *Auth) Enabled() bool { return a.opts.Clients || a.opts.Admin }

// Login checks a password and returns a token. It tells neither by its words
// nor by the time it takes whether there is such a user.
func (a *Auth) Login(ctx context.Context, c nacos.Credentials) (nacos.Session, error) {
	u, err := a.verify(ctx, c)
	if err != nil {
		return nacos.Session{}, err
	}
	token, err := a.issue(ctx, u)
	if err != nil {
		return nacos.Session{}, err
	}
	return nacos.Session{Token: token, TTL: a.opts.TTL, User: u.Name, GlobalAdmin: u.Admin}, nil
}

// Check returns nil if the caller may, [nacos.ErrToken] if it is not known who
// it is, and [nacos.ErrForbidden] if it may not. It looks at what the caller
// can prove and at nothing else: no header and no address makes it a server.
func (a *Auth) Check(ctx context.Context, c nacos.Credentials, r nacos.Resource, act nacos.Action) error {
	if r.Admin && !a.opts.Admin || !r.Admin && !a.opts.Clients {
		return nil
	}
	u, err := a.identify(ctx, c)
	switch {
	case err != nil:
		return err
	case u.Admin || a.opts.Rights(u, r, act):
		return nil
	}
	return nacos.ErrForbidden
}

// Caller returns who the caller is and whether it may do everything.
func (a *Auth) Caller(ctx context.Context, c nacos.Credentials) (name string, admin bool, err error) {
	u, err := a.identify(ctx, c)
	return u.Name, u.Admin, err
}

// identify returns who the caller is, by its token or, without one, by its
// password.
func (a *Auth) identify(ctx context.Context, c nacos.Credentials) (User, error) {
	if c.Token == "" && c.User != "" {
		return a.verify(ctx, c)
	}
	return a.read(c.Token)
}

// verify returns the user whose password the caller has shown.
func (a *Auth) verify(ctx context.Context, c nacos.Credentials) (User, error) {
	from := origin(c.RemoteAddr)
	if !a.failures.allows(from, c.User) {
		return User{}, nacos.ErrTooManyLogins
	}
	if checkName(c.User) != nil || checkPassword(c.Password) != nil {
		a.failures.add(from, c.User)
		return User{}, nacos.ErrLogin
	}
	if err := a.passwords.acquire(ctx); err != nil {
		return User{}, err
	}
	defer a.passwords.release()
	// Again, for many may have waited: at most as many as are checked at a time
	// get more than their share.
	if !a.failures.allows(from, c.User) {
		return User{}, nacos.ErrTooManyLogins
	}
	u, err := a.user(c.User)
	if err != nil && !errors.Is(err, nacos.ErrNoUser) {
		return User{}, err
	}
	if !a.passwords.match(u.hash, c.Password) {
		a.failures.add(from, c.User)
		a.log.Warn("login failed", "user", c.User, "from", c.RemoteAddr)
		return User{}, nacos.ErrLogin
	}
	a.failures.forget(from, c.User)
	return u, nil
}
