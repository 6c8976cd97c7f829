package app

import (
	"context"
	"time"

	"github.com/musterhq/muster/server/auth"
	"github.com/musterhq/muster/server/nacos"
)

// firstUserAgain is the pause before the first user is tried again, which takes
// a majority of the servers.
const firstUserAgain = 2 * time.Second

// ensureAdmin makes the first user, if there is none. A password that was drawn
// for it is told to whom Options names, once: it is kept nowhere, and no log
// gets to see it.
func (s *Server) ensureAdmin(ctx context.Context) {
	if s.opts.AdminPassword == "" && s.opts.FirstUser == nil {
		return // nobody would learn of it
	}
	var tried []string // that may have become the password, for all that is known
	tick := time.NewTicker(firstUserAgain)
	defer tick.Stop()
	for {
		drawn, err := s.auth.EnsureAdmin(ctx, s.opts.AdminPassword)
		if err == nil {
			if drawn == "" {
				drawn = s.whichIs(ctx, tried)
			}
			if drawn != "" {
				s.log.Info("the first user was made", "user", auth.AdminName)
				s.opts.FirstUser(auth.AdminName, drawn)
			}
			return
		}
		if ctx.Err() != nil {
			return
		}
		if drawn != "" && len(tried) < maxTried {
			tried = append(tried, drawn)
		}
		s.log.Warn("making the first user", "err", err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// maxTried bounds what is remembered of attempts whose outcome is not known.
const maxTried = 5

// whichIs returns the one of some passwords that the first user has, "" if none.
func (s *Server) whichIs(ctx context.Context, passwords []string) string {
	for _, p := range passwords {
		if _, err := s.auth.Login(ctx, nacos.Credentials{User: auth.AdminName, Password: p, RemoteAddr: "127.0.0.1"}); err == nil {
			return p
		}
	}
	return ""
}
