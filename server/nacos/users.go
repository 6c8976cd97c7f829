package nacos

import (
	"context"
	"errors"
)

// Errors of Users. Each leaves all users as they were.
var (
	// ErrNoUser: there is no user of that name.
	ErrNoUser = errors.New("no such user")
	// ErrUserExists: a user is created once.
	ErrUserExists = errors.New("user exists already")
	// ErrUserAdmin: an administrator cannot be deleted, for without one nobody
	// could make another.
	ErrUserAdmin = errors.New("an administrator cannot be deleted")
)

// Users can log in. An Authorizer that keeps them is one of these, too.
type Users interface {
	// Caller returns who has shown these credentials, or ErrToken.
	Caller(ctx context.Context, c Credentials) (name string, admin bool, err error)
	// Users returns the names of all users in order.
	Users() []string
	CreateUser(ctx context.Context, name, password string) error
	// SetPassword makes all tokens of the user's last password bad.
	SetPassword(ctx context.Context, name, password string) error
	// DeleteUser deletes a user; that there is none is no error.
	DeleteUser(ctx context.Context, name string) error
}
