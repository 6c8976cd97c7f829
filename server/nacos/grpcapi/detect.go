package grpcapi

import (
	"strconv"
	"time"
)

const detectTick = 3 * time.Second

// detect ends connections whose client is not there any more, and asks those
// that have been silent for a while.
func (s *Server) detect(now time.Time) {
	s.departures(now)
	s.mu.Lock()
	all := make([]*conn, 0, len(s.conns))
	for c := range s.conns {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		switch why := c.verdict(now); why {
		case "":
		case "ask":
			c.ask(now)
		default:
			s.log.Info("ending a connection", "client", string(c.id), "why", why)
			s.cut(c)
		}
	}
}

// verdict says why the connection is to be ended, "ask" if its client is to
// be asked, "" if all is well.
func (c *conn) verdict(now time.Time) string {
	o := &c.server.opts
	if t := c.blocked.Load(); t != 0 && now.Sub(time.Unix(0, t)) >= o.BlockedTimeout {
		return "its stream has been blocked"
	}
	if now.Sub(time.Unix(0, c.active.Load())) < o.Idle {
		return ""
	}
	asked := c.asked.Load()
	switch {
	case c.current() == nil:
		return "it was never set up"
	case asked == 0:
		return "ask"
	case now.Sub(time.Unix(0, asked)) >= o.DetectTimeout:
		return "it does not answer"
	}
	return ""
}

// ask asks the client whether it is there. It does not wait: the stream may be
// blocked, and then there is no answer, which is one.
func (c *conn) ask(now time.Time) {
	c.asked.Store(now.UnixNano())
	go func() {
		body := `{"headers":{},"requestId":"` + strconv.FormatUint(c.server.ids.Add(1), 10) + `","module":"internal"}`
		if err := c.send(&Payload{Type: "ClientDetectionRequest", Body: []byte(body)}); err != nil {
			c.server.log.Debug("asking a client", "client", string(c.id), "err", err)
		}
	}()
}
