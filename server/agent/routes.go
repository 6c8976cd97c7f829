package agent

import (
	"net/http"

	"github.com/musterhq/muster/server/api"
)

// routes is the whole API, for one look.
func (a *Agent) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /v1/members", answer(a.getMembers))
	mux.Handle("GET /v1/stats", answer(a.getStats))
	mux.Handle("GET /v1/log", answer(a.getLog))
	mux.HandleFunc("GET /v1/events", a.streamEvents)
	mux.HandleFunc("GET /v1/messages", a.getMessages)
	mux.Handle("POST /v1/join", answer(a.postJoin))
	mux.HandleFunc("POST /v1/leave", a.postLeave)
	mux.Handle("POST /v1/meta", answer(a.postMeta))
	mux.Handle("POST /v1/broadcast", answer(a.postBroadcast))
	mux.Handle("POST /v1/send", answer(a.postSend))
	mux.Handle("POST /v1/keys", answer(a.postKeys))
	if a.faults != nil {
		mux.Handle("POST /debug/cut", answer(a.postCut))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeError(w, fault(http.StatusNotFound, "", "no such thing as %s %s", r.Method, r.URL.Path))
	})
	return mux
}

func (a *Agent) getMembers(*http.Request) (any, error) {
	members := a.node.AllMembers()
	out := make([]api.Member, 0, len(members))
	for _, m := range members {
		out = append(out, api.FromMember(m))
	}
	return out, nil
}

func (a *Agent) getStats(*http.Request) (any, error) { return a.node.Stats(), nil }

func (a *Agent) getLog(*http.Request) (any, error) { return a.warnings.all(), nil }

// streamEvents ends when the node closes, which is a clean end for the reader.
func (a *Agent) streamEvents(w http.ResponseWriter, r *http.Request) {
	out, err := newLines(w)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for e := range a.node.Watch(r.Context()) {
		if out.write(api.FromEvent(e)) != nil {
			panic(http.ErrAbortHandler) // a cut line must not look like the end
		}
	}
}

func (a *Agent) getMessages(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("recent") {
		writeJSON(w, http.StatusOK, a.messages.recent())
		return
	}
	ch, stop := a.messages.subscribe()
	defer stop()
	out, err := newLines(w)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for {
		select {
		case m, ok := <-ch:
			if !ok && a.messages.isClosed() {
				return
			}
			if !ok || out.write(m) != nil {
				panic(http.ErrAbortHandler) // too slow: what follows would have a hole
			}
		case <-r.Context().Done():
			return
		}
	}
}
