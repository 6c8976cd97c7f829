package registry

import (
	"errors"
	"fmt"
)

// Each of these leaves the registry as it was, unless it says otherwise.
var (
	// ErrInvalid wraps all that is wrong with what a caller asked for.
	ErrInvalid = errors.New("invalid")
	// ErrKind: the service is of the other kind, ephemeral or persistent, and
	// stays so while it exists.
	ErrKind = errors.New("service is of the other kind")
	// ErrNoService: there is no such service.
	ErrNoService = errors.New("service not found")
	// ErrServiceExists: a service is declared once.
	ErrServiceExists = errors.New("service already exists")
	// ErrServiceInUse: the service has instances and cannot be deleted.
	ErrServiceInUse = errors.New("service is not empty")
	// ErrNoInstance: the service has no such instance.
	ErrNoInstance = errors.New("instance not found")
	// ErrNoCluster: the service has no such cluster.
	ErrNoCluster = errors.New("cluster not found")
	// ErrChecked: a health checker decides of that instance's health.
	ErrChecked = errors.New("health check is still working")
	// ErrClientGone: the client has disconnected; all it had published is gone.
	ErrClientGone = errors.New("client has disconnected")
	// ErrLimit wraps what was refused because there is too much of it already.
	ErrLimit = errors.New("limit reached")
	// ErrNamespaceExists: a namespace is created once.
	ErrNamespaceExists = errors.New("namespace already exists")
	// ErrNoNamespace: there is no such namespace.
	ErrNoNamespace = errors.New("namespace not found")
	// ErrConflict: a document is not what the caller took it for; read it again.
	ErrConflict = errors.New("document has changed")
	// ErrNotReady: this server does not know enough yet to answer; another
	// may, or this one in a moment.
	ErrNotReady = errors.New("server is not ready")
	// ErrCommand: a command that this version of the server cannot read. It
	// has changed nothing here, and must not be skipped: see Registry.Apply.
	ErrCommand = errors.New("unreadable command")
)

// An InvalidError says which parameter is wrong, and how.
type InvalidError struct {
	Param string // as the registry calls it: "ip", "port", "weight" ...
	Text  string
}

func (e *InvalidError) Error() string { return e.Text }

// Is makes errors.Is(err, ErrInvalid) hold.
func (e *InvalidError) Is(target error) bool { return target == ErrInvalid }

func invalid(param, format string, args ...any) error {
	return &InvalidError{Param: param, Text: fmt.Sprintf(format, args...)}
}

// codes are how errors travel back from the server that applied a command.
// Append only: the numbers are on the wire.
var codes = []error{
	nil, ErrInvalid, ErrKind, ErrNoService, ErrServiceExists, ErrServiceInUse, ErrNoInstance, ErrNoCluster,
	ErrChecked, ErrClientGone, ErrLimit, ErrNamespaceExists, ErrNoNamespace, ErrConflict, ErrNotReady, ErrCommand,
}

// result encodes what became of a command.
func result(err error) []byte {
	if err == nil {
		return []byte{0}
	}
	for i, e := range codes {
		if e != nil && errors.Is(err, e) {
			return append([]byte{byte(i)}, err.Error()...)
		}
	}
	return append([]byte{byte(len(codes))}, err.Error()...)
}

// resultError is the error that result has encoded.
func resultError(b []byte) error {
	switch {
	case len(b) == 0:
		return fmt.Errorf("%w: empty result", ErrCommand)
	case b[0] == 0:
		return nil
	case int(b[0]) >= len(codes):
		return errors.New(string(b[1:]))
	case errors.Is(codes[b[0]], ErrInvalid):
		return &InvalidError{Text: string(b[1:])}
	}
	e := codes[b[0]]
	return &remoteError{text: string(b[1:]), kind: e}
}

// remoteError keeps the text that the applying server gave.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }
