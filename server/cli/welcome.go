package cli

import (
	"fmt"
	"io"
	"net"
	"os"

	"github.com/musterhq/muster/server/app"
)

// welcome tells somebody who has started a server by hand what to type next.
// Where nobody reads along the log is JSON, and this is left out.
func welcome(w io.Writer, at app.Addrs) {
	server := ""
	if _, port, err := net.SplitHostPort(at.HTTP); err == nil && port != fmt.Sprint(app.DefaultHTTPPort) {
		server = " --server " + at.HTTP
	}
	// It is a courtesy: if stderr is gone, nobody misses it.
	_, _ = fmt.Fprintf(w, `
Point any Nacos client at %[1]s. Or, in another terminal:

  %[3]s instance register web 10.0.0.1:80%[2]s
  %[3]s service list%[2]s
  %[3]s instance list web%[2]s
  curl 'http://%[1]s/nacos/v1/ns/instance/list?serviceName=web'

Ctrl-C ends the server; what is registered like this is there when it comes back.

`, at.HTTP, server, os.Args[0])
}
