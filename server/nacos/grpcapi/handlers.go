package grpcapi

import (
	"context"

	"github.com/musterhq/muster/server/nacos/codes"
)

// handlers are all requests that are answered.
var handlers = map[string]handler{
	"ServerCheckRequest":        {handle: (*Server).serverCheck, open: true},
	"HealthCheckRequest":        {handle: (*Server).healthCheck},
	"InstanceRequest":           {handle: (*Server).instance},
	"BatchInstanceRequest":      {handle: (*Server).batchInstance},
	"PersistentInstanceRequest": {handle: (*Server).persistentInstance},
	"SubscribeServiceRequest":   {handle: (*Server).subscribeService},
	"ServiceQueryRequest":       {handle: (*Server).serviceQuery},
	"ServiceListRequest":        {handle: (*Server).serviceList},
	"NamingFuzzyWatchRequest":   {handle: (*Server).fuzzyWatch},

	// There is no config service yet, and this says so in the way that lets
	// applications start which have a client for it.
	"ConfigQueryRequest":       {handle: (*Server).configQuery},
	"ConfigBatchListenRequest": {handle: (*Server).configListen},
	"ConfigPublishRequest":     {handle: refuse("ConfigPublishResponse")},
	"ConfigRemoveRequest":      {handle: refuse("ConfigRemoveResponse")},
	"ConfigFuzzyWatchRequest":  {handle: refuse("ConfigFuzzyWatchResponse")},
}

func (s *Server) serverCheck(_ context.Context, c *call) (reply, error) {
	extra := `,"connectionId":"` + string(c.conn.id) + `","supportAbilityNegotiation":true`
	return reply{kind: "ServerCheckResponse", extra: []byte(extra)}, nil
}

func (s *Server) configQuery(context.Context, *call) (reply, error) {
	return reply{kind: "ConfigQueryResponse", code: codes.NoConfig.RPC, text: codes.NoConfig.Text}, nil
}

func (s *Server) configListen(context.Context, *call) (reply, error) {
	return reply{kind: "ConfigChangeBatchListenResponse", extra: []byte(`,"changedConfigs":[]`)}, nil
}

func refuse(kind string) func(*Server, context.Context, *call) (reply, error) {
	return func(*Server, context.Context, *call) (reply, error) {
		return reply{kind: kind, code: codes.Unimplemented.RPC, text: "the config service is not implemented"}, nil
	}
}
