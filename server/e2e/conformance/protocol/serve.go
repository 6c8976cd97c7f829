package protocol

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// ErrUnsupported is returned by a handler whose library has no such call.
var ErrUnsupported = errors.New("the library has no such call")

// A Handler does what a request asks and returns its result.
type Handler func(Request) (result any, err error)

// A Writer writes messages, a line each, from any goroutine.
type Writer struct {
	mu  sync.Mutex
	enc *json.Encoder
}

// NewWriter returns one that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{enc: json.NewEncoder(w)} }

// Write writes one message.
func (w *Writer) Write(m Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.enc.Encode(m)
}

// Changed tells that a subscriber was told of a list.
func (w *Writer) Changed(service, group string, list []Instance) error {
	if list == nil {
		list = []Instance{}
	}
	return w.Write(Message{OK: true, Event: "changed", Service: service, Group: group, Instances: list})
}

// Serve answers requests, one after the other, until there are no more.
func Serve(in io.Reader, out *Writer, handle Handler) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading requests: %w", err)
		}
		var r Request
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("a request that cannot be read: %w: %s", err, line)
		}
		if err := out.Write(answer(handle, r)); err != nil {
			return fmt.Errorf("answering: %w", err)
		}
	}
}

func answer(handle Handler, r Request) Message {
	result, err := handle(r)
	if err != nil {
		return Message{ID: r.ID, Error: err.Error(), Unsupported: errors.Is(err, ErrUnsupported)}
	}
	b, err := json.Marshal(result)
	if err != nil {
		return Message{ID: r.ID, Error: err.Error()}
	}
	return Message{ID: r.ID, OK: true, Result: b}
}

// Plain takes the group off a service's name as servers say it.
func Plain(service string) string {
	if _, name, ok := strings.Cut(service, "@@"); ok {
		return name
	}
	return service
}
