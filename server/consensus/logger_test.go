package consensus

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
)

// What an operator reads as a warning is a fault of others, said once, and not
// that this server has closed its own connections.
func TestEngineWarnings(t *testing.T) {
	var b bytes.Buffer
	log := engineLogger(slog.New(slog.NewTextHandler(&b, nil)))
	log.Error("failed to decode incoming command", "error", fmt.Errorf("read tcp: %w", net.ErrClosed))
	if b.Len() > 0 {
		t.Errorf("said of a connection closed here: %s", b.String())
	}
	for range 3 {
		log.Error("failed to decode incoming command", "error", errors.New("garbage"))
	}
	if n := strings.Count(b.String(), "level=WARN"); n != 1 {
		t.Errorf("%d warnings: %s", n, b.String())
	}
}
