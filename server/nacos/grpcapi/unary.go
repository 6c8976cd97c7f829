package grpcapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/push"
)

// A call is one request, on its way.
type call struct {
	conn     *conn
	receiver *push.Receiver
	payload  *Payload
}

// handler answers requests of one type.
type handler struct {
	handle func(*Server, context.Context, *call) (reply, error)
	// open: answered before the connection is set up.
	open bool
}

func (s *Server) handleUnary(_ any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	p := new(Payload)
	if err := dec(p); err != nil {
		return nil, err
	}
	begin := time.Now()
	r := s.answer(ctx, p)
	s.opts.Requests(p.Type, r.code, time.Since(begin))
	return r.payload(requestID(p.Body)), nil
}

// answer never fails: what goes wrong is a reply.
func (s *Server) answer(ctx context.Context, p *Payload) reply {
	c := connOf(ctx)
	if c == nil {
		return failed(codes.Unregistered.With(codes.Unregistered.Text))
	}
	c.heard()
	h, ok := handlers[p.Type]
	switch {
	case !ok && clusterOnly[p.Type]:
		return failed(codes.BadGateway.With(codes.BadGateway.Text))
	case !ok:
		return failed(codes.NoHandler.With("RequestHandler Not Found"))
	case !s.reg.IsReady():
		return failed(codes.NotReady.With(codes.NotReady.Text))
	case c.overflow:
		return failed(codes.Threshold.With("too many connections"))
	case !c.rate.take(time.Now()):
		return s.tooMany(ctx)
	}
	call := &call{conn: c, payload: p}
	if !h.open {
		if call.receiver = c.await(ctx); call.receiver == nil {
			return failed(unregistered(p.Type))
		}
	}
	if err := s.catchUp(ctx, p); err != nil {
		return failed(err)
	}
	r, err := h.handle(s, ctx, call)
	if err != nil {
		return failed(err)
	}
	return r
}

// unregistered is told to a client whose connection is not set up. A check of
// health is not answered with 301 as Nacos does: clients take what is from 300 to
// 399 there for a server that is still starting, and stay. The one in Python does
// not notice that its stream has ended, so after a restart that took less time
// than there is between two checks it would never register again.
func unregistered(kind string) error {
	code := codes.Unregistered
	if kind == "HealthCheckRequest" {
		code.RPC = codes.Server.RPC
	}
	return code.With(code.Text)
}

// catchUp returns when a request that asks for it, by its header linearizable,
// sees all that was agreed on before it came. Without a majority of the servers
// that is an error. Other requests read what this server has.
func (s *Server) catchUp(ctx context.Context, p *Payload) error {
	if p.Header("linearizable") != "true" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.opts.RequestTimeout)
	defer cancel()
	if err := s.reg.Linearizable(ctx); err != nil {
		return codes.NotReady.With("a linearizable read needs a majority of the servers: " + err.Error())
	}
	return nil
}

// tooMany answers late, so that a client that asks again at once does not ask
// more.
func (s *Server) tooMany(ctx context.Context) reply {
	timer := time.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return failed(codes.Threshold.With(codes.Threshold.Text))
}

// check asks whether the caller may.
func (s *Server) check(ctx context.Context, c *call, r nacos.Resource, a nacos.Action) error {
	if !s.opts.Access.Enabled() {
		return nil
	}
	cred := nacos.Credentials{
		Token: c.payload.Header("accessToken"), User: c.payload.Header("username"), Password: c.payload.Header("password"),
		RemoteAddr: c.conn.ip,
	}
	return s.opts.Access.Check(ctx, cred, r, a)
}

// read reads a request's body.
func (c *call) read(v any) error {
	if err := json.Unmarshal(c.payload.Body, v); err != nil {
		return codes.BadGateway.With(fmt.Sprintf("%s: %v", c.payload.Type, err))
	}
	return nil
}

// requestID returns the id that the reply repeats, as the JSON that it is in
// the request. Most requests have none.
func requestID(body []byte) string {
	const name = `"requestId":"`
	at := bytes.Index(body, []byte(name))
	if at < 0 {
		return ""
	}
	rest := body[at+len(name):]
	end := bytes.IndexByte(rest, '"')
	if end <= 0 || end > maxName || bytes.IndexByte(rest[:end], '\\') >= 0 || !utf8.Valid(rest[:end]) {
		return ""
	}
	return string(rest[:end])
}

// clusterOnly are requests that servers of Nacos send to each other. Ours
// speak another language, and a client has no business with them.
var clusterOnly = map[string]bool{
	"DistroDataRequest": true, "MemberReportRequest": true, "ConfigChangeClusterSyncRequest": true,
	"ServerLoaderInfoRequest": true, "ServerReloadRequest": true, "PushAckRequest": true,
}
