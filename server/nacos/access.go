package nacos

import (
	"context"
	"errors"
	"time"
)

// Action is what a caller wants to do.
type Action string

// The actions that rights are given for.
const (
	Read  Action = "r"
	Write Action = "w"
)

// A Resource is what a caller wants to do it to.
type Resource struct {
	Namespace, Group, Name string
	Type                   string // "naming", "config", "console"
	Admin                  bool   // it belongs to the operator
}

// Credentials are what a caller has shown.
type Credentials struct {
	Token      string // of an earlier login
	User       string // and password, where a route takes them as they are
	Password   string
	RemoteAddr string
}

// A Session is what a login gives.
type Session struct {
	Token       string
	TTL         time.Duration
	User        string
	GlobalAdmin bool
}

// Errors of an Authorizer.
var (
	// ErrLogin: no such user, or not that password.
	ErrLogin = errors.New("unknown user")
	// ErrTooManyLogins: too many logins have failed from where the caller is.
	// The password was not looked at; a later attempt is.
	ErrTooManyLogins = errors.New("too many failed logins, please try again later")
	// ErrToken: the token is not one of this cluster's, or is too old. A
	// client logs in anew.
	ErrToken = errors.New("token invalid")
	// ErrForbidden: the caller is known and may not.
	ErrForbidden = errors.New("authorization failed")
)

// An Authorizer knows who may do what.
type Authorizer interface {
	// Enabled reports whether anybody is asked for anything.
	Enabled() bool
	// Login takes User, Password and RemoteAddr, and returns a Session, or
	// ErrLogin or ErrTooManyLogins.
	Login(ctx context.Context, c Credentials) (Session, error)
	// Check returns nil, or ErrToken or ErrForbidden.
	Check(ctx context.Context, c Credentials, r Resource, a Action) error
}

// Open lets everybody do everything. A login gives a token that nobody looks at.
type Open struct{}

// Enabled reports that nobody is asked.
func (Open) Enabled() bool { return false }

// Login accepts everybody.
func (Open) Login(_ context.Context, c Credentials) (Session, error) {
	return Session{Token: "open", TTL: 5 * time.Hour, User: c.User, GlobalAdmin: true}, nil
}

// Check allows everything.
func (Open) Check(context.Context, Credentials, Resource, Action) error { return nil }
