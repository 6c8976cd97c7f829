package grpcapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// handleStream is a client's stream: its set-up first, then its answers to
// what it is pushed.
func (s *Server) handleStream(_ any, stream grpc.ServerStream) error {
	c := connOf(stream.Context())
	if c == nil {
		return status.Error(codes.Internal, "connection is unknown")
	}
	defer c.endStream(stream)
	// To some clients a stream is open from its headers on, and they hear of the
	// end of one that is. Without this, the headers come with the first push.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	for {
		var p Payload
		if err := stream.RecvMsg(&p); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		c.heard()
		if err := s.streamed(c, stream, &p); err != nil {
			s.log.Debug("refused on the stream", "client", string(c.id), "type", p.Type, "err", err)
			return err
		}
	}
}

func (s *Server) streamed(c *conn, stream grpc.ServerStream, p *Payload) error {
	if p.Type == "ConnectionSetupRequest" {
		return s.connectionSetup(c, stream, p)
	}
	if !strings.HasSuffix(p.Type, "Response") {
		return nil // nothing else is asked for on the stream
	}
	var r struct {
		RequestID  string `json:"requestId"`
		Success    *bool  `json:"success"`
		ResultCode int    `json:"resultCode"`
	}
	if err := json.Unmarshal(p.Body, &r); err != nil {
		return status.Errorf(codes.InvalidArgument, "%s: %v", p.Type, err)
	}
	ok := r.ResultCode == 0 || r.ResultCode == 200
	if r.Success != nil {
		ok = *r.Success
	}
	id, err := strconv.ParseUint(r.RequestID, 10, 64)
	if receiver := c.current(); receiver != nil && err == nil {
		receiver.Ack(id, ok)
	}
	return nil
}

// setupRequest is how a client introduces itself.
type setupRequest struct {
	RequestID     string            `json:"requestId"`
	ClientVersion string            `json:"clientVersion"`
	Tenant        string            `json:"tenant"`
	Labels        map[string]string `json:"labels"`
	AbilityTable  map[string]any    `json:"abilityTable"`
}

func (s *Server) connectionSetup(c *conn, stream grpc.ServerStream, p *Payload) error {
	var req setupRequest
	if err := json.Unmarshal(p.Body, &req); err != nil {
		return status.Errorf(codes.InvalidArgument, "%s: %v", p.Type, err)
	}
	switch {
	case !s.reg.IsReady():
		return status.Error(codes.Unavailable, "server is starting")
	case c.overflow:
		return status.Error(codes.ResourceExhausted, "too many connections")
	case len(req.Labels) > maxHeaders || len(req.ClientVersion) > maxName || textOf(req.Labels) > maxHeader:
		return status.Error(codes.InvalidArgument, "labels")
	}
	err := c.setUp(stream, registry.ClientInfo{
		IP: c.ip, Port: c.port, Version: req.ClientVersion, App: req.Labels["AppName"], Type: "GRPC", Labels: req.Labels,
	})
	if err != nil {
		return status.Error(codes.FailedPrecondition, err.Error())
	}
	if req.AbilityTable == nil {
		return nil
	}
	// A client that negotiates waits for this, and goes elsewhere without it.
	// Only what is there is claimed.
	body := fmt.Sprintf(`{"headers":{},"requestId":"%d","module":"internal","abilityTable":{"supportPersistentInstanceByGrpc":true,"fuzzyWatch":true,"lock":false,"mcp":false}}`, s.ids.Add(1))
	if err := c.send(&Payload{Type: "SetupAckRequest", Body: []byte(body)}); err != nil {
		return status.Error(codes.Unavailable, err.Error())
	}
	return nil
}

// textOf is how many bytes there are in labels: they are kept while their
// connection lasts.
func textOf(labels map[string]string) (n int) {
	for k, v := range labels {
		n += len(k) + len(v)
	}
	return n
}

// sink pushes to one connection.
type sink struct{ c *conn }

// Render makes what goes after the requestId.
func (k *sink) Render(v *registry.View, q registry.Query) []byte { return renderPush(v, q) }

// Send sends a list.
func (k *sink) Send(id uint64, _ registry.ServiceKey, body []byte) error {
	front := make([]byte, 0, 40)
	front = append(front, `{"requestId":"`...)
	front = strconv.AppendUint(front, id, 10)
	front = append(front, '"')
	return k.c.send(&Payload{Type: "NotifySubscriberRequest", Body: front, Tail: body})
}

// SendWatch sends news of watched services.
func (k *sink) SendWatch(id uint64, m push.WatchMessage) error {
	b := make([]byte, 0, 256)
	b = append(b, `{"headers":{},"requestId":"`...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, `","module":"naming","syncType":`...)
	b = registry.AppendJSONString(b, m.Type)
	if m.Type == push.WatchChanged {
		b = append(b, `,"serviceKey":`...)
		b = registry.AppendJSONString(b, m.Services[0].Key.String())
		b = append(b, `,"changedType":`...)
		b = registry.AppendJSONString(b, changedType(m.Services[0]))
		return k.c.send(&Payload{Type: "NamingFuzzyWatchChangeNotifyRequest", Body: append(b, '}')})
	}
	b = append(b, `,"groupKeyPattern":`...)
	b = registry.AppendJSONString(b, m.Pattern)
	b = append(b, `,"contexts":[`...)
	for i, s := range m.Services {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"serviceKey":`...)
		b = registry.AppendJSONString(b, s.Key.String())
		b = append(b, `,"changedType":`...)
		b = registry.AppendJSONString(b, changedType(s))
		b = append(b, '}')
	}
	b = append(b, `],"totalBatch":`...)
	b = strconv.AppendInt(b, int64(m.Batches), 10)
	b = append(b, `,"currentBatch":`...)
	b = strconv.AppendInt(b, int64(m.Batch), 10)
	return k.c.send(&Payload{Type: "NamingFuzzyWatchSyncRequest", Body: append(b, '}')})
}

func changedType(s push.WatchedService) string {
	if s.Added {
		return "ADD_SERVICE"
	}
	return "DELETE_SERVICE"
}
