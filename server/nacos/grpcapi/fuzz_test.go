package grpcapi

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"

	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
	"github.com/musterhq/muster/server/registry/registrytest"
)

// sent is a stream that remembers what it was sent.
type sent struct {
	grpc.ServerStream
	ctx  context.Context
	last *Payload
}

func (s *sent) Context() context.Context { return s.ctx }
func (s *sent) SendMsg(m any) error      { s.last = m.(*Payload); return nil }

// connection begins one of a server that nothing listens for.
func connection(t testing.TB) (*Server, context.Context) {
	t.Helper()
	reg := registrytest.New(registry.Options{})
	engine := push.New(reg, push.Options{})
	reg.Observe(engine)
	reg.Ready(0)
	s := New(Options{Registry: reg, Push: engine})
	addr := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000}
	ctx := s.TagConn(context.Background(), &stats.ConnTagInfo{RemoteAddr: addr, LocalAddr: addr})
	return s, ctx
}

// setUpFor makes the connection a client's.
func setUpFor(ctx context.Context, t testing.TB, s *Server) *sent {
	t.Helper()
	stream := &sent{ctx: ctx}
	if err := s.streamed(connOf(ctx), stream, &Payload{Type: "ConnectionSetupRequest", Body: []byte(ableSetup)}); err != nil {
		t.Fatal(err)
	}
	return stream
}

// Whatever a request says, it is answered, with JSON that says whether it was
// done, and the server is as it should be.
func FuzzRequest(f *testing.F) {
	kinds := slices.Sorted(maps.Keys(handlers))
	for i, kind := range kinds {
		f.Add(uint8(i), `{"requestId":"1",`+names+`,"type":"registerInstance","instance":`+instance+`,"subscribe":true,"clusters":"A,B","groupKeyPattern":"public>>*>>d*","watchType":"WATCH"}`)
		if kind == "BatchInstanceRequest" {
			f.Add(uint8(i), `{`+names+`,"type":"batchRegisterInstance","instances":[`+instance+`,{"ip":"::1","port":1,"weight":1e-9,"metadata":{"a":null,"b":1.5,"c":true,"d":{}}}]}`)
		}
		if kind == "NamingFuzzyWatchRequest" {
			f.Add(uint8(i), `{"isInitializing":true,"groupKeyPattern":"a>>b>>c","receivedGroupKeys":["a@@b@@c","@@@@",""],"watchType":"CANCEL_WATCH"}`)
		}
	}
	f.Add(uint8(0), `{"requestId":"\u0000\"","serviceName":"\ud800"}`)
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		s, ctx := connection(t)
		setUpFor(ctx, t, s)
		kind := kinds[int(n)%len(kinds)]
		r := s.answer(ctx, &Payload{Type: kind, Body: []byte(body)})
		p := r.payload(requestID([]byte(body)))
		var reply struct {
			ResultCode, ErrorCode int
			Success               *bool
		}
		if err := json.Unmarshal(append(slices.Clone(p.Body), p.Tail...), &reply); err != nil {
			t.Fatalf("%s %q: %q%q: %v", kind, body, p.Body, p.Tail, err)
		}
		if reply.Success == nil || *reply.Success != (reply.ErrorCode == 0) || (reply.ResultCode == 200) != *reply.Success {
			t.Fatalf("%s %q: %s", kind, body, p.Body)
		}
		connOf(ctx).end("the test is over", true)
		if st := s.reg.Stats(); st.Clients != 0 || st.Subscribers != 0 || st.Instances != st.Persistent {
			t.Fatalf("%s %q has left something behind: %+v", kind, body, st)
		}
	})
}

// Whatever comes on a stream is taken or refused.
func FuzzStream(f *testing.F) {
	f.Add("ConnectionSetupRequest", ableSetup, true)
	f.Add("ConnectionSetupRequest", `{"labels":{"AppName":null},"abilityTable":{}}`, false)
	f.Add("NotifySubscriberResponse", `{"requestId":"17","success":false,"resultCode":500}`, true)
	f.Add("ClientDetectionResponse", `{"requestId":17}`, false)
	f.Add("", "", true)
	f.Fuzz(func(t *testing.T, kind, body string, first bool) {
		s, ctx := connection(t)
		c := connOf(ctx)
		var stream *sent
		if first {
			stream = setUpFor(ctx, t, s)
		} else {
			stream = &sent{ctx: ctx}
		}
		stream.last = nil
		err := s.streamed(c, stream, &Payload{Type: kind, Body: []byte(body)})
		if is := c.current() != nil; is != first && (kind != "ConnectionSetupRequest" || err != nil) {
			t.Fatalf("%s %q: set up %v, %v", kind, body, is, err)
		}
		if stream.last != nil && (stream.last.Type != "SetupAckRequest" || !strings.Contains(body, "abilityTable") && !strings.Contains(strings.ToLower(body), "ability") && !strings.Contains(body, `\u`)) {
			t.Fatalf("%s %q: was sent %s", kind, body, stream.last.Type)
		}
		c.end("the test is over", true)
	})
}
