package health

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/musterhq/muster/server/registry"
)

// A client of MySQL and MariaDB that can log in and send one command: what a
// check needs of their protocol, version 10 with the 4.1 extensions. It reads
// a bounded number of bytes and offers nothing that a server could abuse:
// neither to send it a local file nor a password in the clear.

// nobody is who logs in if the settings have no user. That it is denied is a
// success: a server that answers so is one that works. To hang up after the
// greeting instead would have the server block this host after a hundred
// checks (max_connect_errors).
const nobody = "muster-health"

// Errors of a server that knows its clients but not this one.
var denials = map[uint16]bool{
	1045: true, // access denied
	1698: true, // access denied, without a password
	1251: true, // the account has another way to log in
	1524: true, // that way is not there
	3159: true, // not without TLS
}

// A serverError is what a server answered.
type serverError struct {
	code uint16
	text string
}

func (e *serverError) Error() string { return fmt.Sprintf("server error %d: %s", e.code, e.text) }

var errProtocol = errors.New("unexpected answer")

// mysql succeeds if the server lets the user in and does the command, or, if
// there is no user, if it answers as such a server does.
func (p *Probes) mysql(ctx context.Context, addr string, c *registry.Checker) error {
	conn, hangUp, err := p.connect(ctx, addr)
	if err != nil {
		return err
	}
	err = talk(conn, c)
	if closeErr := hangUp(); err == nil {
		err = closeErr
	}
	return err
}

func talk(conn net.Conn, c *registry.Checker) error {
	s := newMySQLConn(conn)
	g, err := s.greeting()
	if err != nil {
		return fmt.Errorf("greeting: %w", err)
	}
	if c.User == "" {
		err := s.login(g, nobody, "")
		var denied *serverError
		if err == nil || errors.As(err, &denied) && denials[denied.code] {
			return nil
		}
		return fmt.Errorf("logging in as nobody: %w", err)
	}
	if err := s.login(g, c.User, c.Password); err != nil {
		return fmt.Errorf("logging in: %w", err)
	}
	if c.Command != "" {
		if err := s.command(c.Command); err != nil {
			return fmt.Errorf("command: %w", err)
		}
	}
	_ = s.quit() // it has answered: that was the question
	return nil
}
