package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// bodyMax bounds a request's body: a reliable message may be large.
const bodyMax = 32 << 20

// newServer serves the paths that muster's agent serves too.
func newServer(n *node) *http.Server {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/members", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, n.members.snapshot())
	})
	mux.HandleFunc("GET /v1/events", func(w http.ResponseWriter, r *http.Request) {
		stream(n, w, r, n.members.events)
	})
	mux.HandleFunc("GET /v1/messages", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("recent") != "" {
			reply(w, n.inbox.messages.snapshot())
			return
		}
		stream(n, w, r, n.inbox.messages)
	})
	mux.HandleFunc("GET /v1/log", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, n.lines.snapshot())
	})
	handle(mux, "POST /v1/join", func(in struct{ Addrs []string }) (any, error) {
		joined, err := n.list.Join(in.Addrs)
		if err != nil && joined == 0 {
			return nil, fmt.Errorf("join: %w", err)
		}
		return map[string]int{"joined": joined}, nil
	})
	handle(mux, "POST /v1/leave", func(struct{}) (any, error) {
		return struct{}{}, n.leave()
	})
	handle(mux, "POST /v1/meta", func(in struct{ Meta string }) (any, error) {
		n.setMeta(in.Meta)
		return struct{}{}, nil
	})
	handle(mux, "POST /v1/broadcast", func(in struct{ Payload string }) (any, error) {
		n.inbox.send([]byte(in.Payload))
		return struct{}{}, nil
	})
	handle(mux, "POST /v1/send", func(in struct {
		To, Payload string
		Reliable    bool
	}) (any, error) {
		return struct{}{}, n.send(in.To, []byte(in.Payload), in.Reliable)
	})
	handle(mux, "POST /v1/keys", func(in struct {
		Op  string
		Key []byte
	}) (any, error) {
		keys, err := n.rotate(in.Op, in.Key)
		return map[string][][]byte{"keys": keys}, err
	})
	handle(mux, "POST /debug/cut", func(in struct{ Addrs []string }) (any, error) {
		if n.faults == nil {
			return nil, errNoFaults
		}
		return struct{}{}, n.faults.setCut(in.Addrs)
	})
	return &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
}

// handle routes a request with a JSON body, possibly empty.
func handle[In any](mux *http.ServeMux, pattern string, do func(In) (any, error)) {
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if r.ContentLength != 0 {
			if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMax)).Decode(&in); err != nil {
				fail(w, http.StatusBadRequest, fmt.Errorf("read the request: %w", err))
				return
			}
		}
		out, err := do(in)
		switch {
		case err == nil:
			reply(w, out)
		case errors.Is(err, errUnknownMember):
			fail(w, http.StatusNotFound, err)
		case errors.Is(err, errNoKeyring), errors.Is(err, errNoFaults):
			fail(w, http.StatusConflict, err)
		default:
			fail(w, http.StatusBadGateway, err)
		}
	})
}

// stream writes one JSON value a line until the client or the node goes.
func stream[T any](n *node, w http.ResponseWriter, r *http.Request, from *feed[T]) {
	ch, stop := from.subscribe()
	defer stop()
	w.Header().Set("Content-Type", "application/x-ndjson")
	out := http.NewResponseController(w)
	lines := json.NewEncoder(w)
	for {
		if err := out.Flush(); err != nil {
			return // the client is gone
		}
		select {
		case v, ok := <-ch:
			if !ok {
				return
			}
			if err := lines.Encode(v); err != nil {
				return
			}
		case <-r.Context().Done():
			return
		case <-n.done:
			return
		}
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		fmt.Fprintf(os.Stderr, "peer: reply: %v\n", err)
	}
}

func fail(w http.ResponseWriter, code int, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(map[string]string{"error": err.Error()}); err != nil {
		fmt.Fprintf(os.Stderr, "peer: reply: %v\n", err)
	}
}
