// Package codes says in Nacos' numbers what went wrong: one table for all
// doors.
package codes

import (
	"context"
	"errors"
	"net/http"

	"github.com/musterhq/muster/server/nacos"
	"github.com/musterhq/muster/server/registry"
)

// A Code is an error in the three forms that clients know it in.
type Code struct {
	HTTP int // status
	API  int // code in the envelope of v2 and v3
	RPC  int // errorCode of a gRPC response
	Text string
}

// Codes that no error of the registry stands for.
var (
	OK            = Code{http.StatusOK, 0, 0, "success"}
	Missing       = Code{http.StatusBadRequest, 10000, 400, "parameter missing"}
	Invalid       = Code{http.StatusBadRequest, 20002, 400, "parameter validate error"}
	MediaType     = Code{http.StatusBadRequest, 20003, 400, "MediaType Error"}
	NotFound      = Code{http.StatusNotFound, 20004, 404, "resource not found"}
	Server        = Code{http.StatusInternalServerError, 30000, 500, "server error"}
	State         = Code{http.StatusBadRequest, 23000, 400, "illegal state"}
	NoBeat        = Code{http.StatusOK, 21003, 404, "instance not found"} // the one error that comes with status 200
	Unimplemented = Code{http.StatusNotImplemented, 40001, 501, "API function disabled."}
	Unregistered  = Code{http.StatusInternalServerError, 30000, 301, "Connection is unregistered."}
	NoHandler     = Code{http.StatusNotImplemented, 40001, 302, "RequestHandler Not Found"}
	BadGateway    = Code{http.StatusBadGateway, 30000, 502, "Invalid request"}
	Threshold     = Code{http.StatusServiceUnavailable, 30000, 503, "Over threshold."}
	NoConfig      = Code{http.StatusNotFound, 20004, 300, "config data not exist"}
	NotReady      = Code{http.StatusServiceUnavailable, 30000, 300, "Server is starting,please try later."}
	ClientGone    = Code{http.StatusInternalServerError, 30000, -401, "client disconnected"}
	Forbidden     = Code{http.StatusForbidden, 10001, 403, "access denied"}
)

// table is in the order in which it is searched.
var table = []struct {
	err  error
	code Code
}{
	{registry.ErrKind, Code{http.StatusBadRequest, 21004, 400, "instance error"}},
	{registry.ErrNoService, Code{http.StatusBadRequest, 21008, 400, "service not exist"}},
	{registry.ErrServiceExists, Code{http.StatusBadRequest, 21007, 400, "service already exist"}},
	{registry.ErrServiceInUse, Code{http.StatusBadRequest, 21009, 400, "service delete failure"}},
	{registry.ErrNoInstance, Code{http.StatusNotFound, 20004, 404, "instance not found"}},
	{registry.ErrNoCluster, Code{http.StatusNotFound, 20004, 404, "cluster not found"}},
	{registry.ErrChecked, Code{http.StatusBadRequest, 21011, 400, "health check still running"}},
	{registry.ErrClientGone, ClientGone},
	{registry.ErrLimit, Threshold},
	{registry.ErrNamespaceExists, Code{http.StatusBadRequest, 22002, 400, "namespace already exist"}},
	{registry.ErrNoNamespace, Code{http.StatusNotFound, 22001, 404, "namespace not exist"}},
	{registry.ErrConflict, Code{http.StatusConflict, 20005, 409, "resource conflict"}},
	{registry.ErrNotReady, NotReady},
	{registry.ErrInvalid, Invalid},
	{nacos.ErrLogin, Forbidden},
	{nacos.ErrTooManyLogins, Code{http.StatusTooManyRequests, 10001, 403, "access denied"}},
	{nacos.ErrToken, Forbidden},
	{nacos.ErrForbidden, Forbidden},
	{context.DeadlineExceeded, Code{http.StatusInternalServerError, 30000, 500, "server error"}},
}

// params are what is wrong with a parameter, where Nacos has a number for it.
var params = map[string]Code{
	"serviceName":      {http.StatusBadRequest, 21000, 400, "service name error"},
	"weight":           {http.StatusBadRequest, 21001, 400, "weight error"},
	"metadata":         {http.StatusBadRequest, 21002, 400, "instance metadata error"},
	"selector":         {http.StatusBadRequest, 21006, 400, "selector error"},
	"protectThreshold": {http.StatusBadRequest, 21005, 400, "service metadata error"},
	"healthy":          {http.StatusBadRequest, 21010, 400, "healthy param miss"},
	"namespaceId":      {http.StatusBadRequest, 22000, 400, "illegal namespace"},
	"namespaceName":    {http.StatusBadRequest, 22000, 400, "illegal namespace"},
}

// An Error is an error of a door itself.
type Error struct {
	Code    Code
	Message string
}

func (e *Error) Error() string { return e.Message }

// With makes an error of a code and a text.
func (c Code) With(text string) error { return &Error{Code: c, Message: text} }

// Of returns the code of an error.
func Of(err error) Code {
	var own *Error
	if errors.As(err, &own) {
		return own.Code
	}
	var inv *registry.InvalidError
	if errors.As(err, &inv) {
		if c, ok := params[inv.Param]; ok {
			return c
		}
		return Invalid
	}
	for _, t := range table {
		if errors.Is(err, t.err) {
			return t.code
		}
	}
	return Server
}
