package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"sync"
)

// mailbox counts the user messages a process has received, by payload, from
// its stream of them.
type mailbox struct {
	mu    sync.Mutex
	count map[string]int
	ended error // why the stream has
}

// openMailbox subscribes; what arrives after it returns is counted.
func (p *process) openMailbox() error {
	resp, err := http.Get("http://" + p.api + "/v1/messages")
	if err != nil {
		return fmt.Errorf("open the message stream: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return errors.Join(fmt.Errorf("open the message stream: %s", resp.Status), resp.Body.Close())
	}
	p.mail = &mailbox{count: map[string]int{}}
	go p.mail.follow(resp.Body)
	return nil
}

func (m *mailbox) follow(body io.ReadCloser) {
	lines := json.NewDecoder(body)
	for {
		var message struct{ Payload []byte }
		err := lines.Decode(&message)
		m.mu.Lock()
		if err != nil {
			m.ended = errors.Join(fmt.Errorf("message stream: %w", err), body.Close())
			m.mu.Unlock()
			return
		}
		m.count[string(message.Payload)]++
		m.mu.Unlock()
	}
}

// received is how often each message has arrived so far.
func (p *process) received() (map[string]int, error) {
	p.mail.mu.Lock()
	defer p.mail.mu.Unlock()
	return maps.Clone(p.mail.count), p.mail.ended
}
