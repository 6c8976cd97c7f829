package push

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/musterhq/muster/server/registry"
)

// What a message about watched services is.
const (
	WatchInit    = "FUZZY_WATCH_INIT_NOTIFY"
	WatchFinish  = "FINISH_FUZZY_WATCH_INIT_NOTIFY"
	WatchDiff    = "FUZZY_WATCH_DIFF_SYNC_NOTIFY"
	WatchChanged = "FUZZY_WATCH_RESOURCE_CHANGED"
)

// watchBatch is how many services one message of a synchronisation names.
const watchBatch = 10

// A WatchMessage tells a client which services there are that it watches for.
type WatchMessage struct {
	Type           string
	Pattern        string // as the client gave it
	Services       []WatchedService
	Batch, Batches int
}

// A WatchedService is one service that has come or gone.
type WatchedService struct {
	Key   registry.ServiceKey
	Added bool
}

// A watch is one pattern that a receiver watches for. Like a subscription, it
// holds what the client should know and not what it is to be sent: news of a
// service replace older news of it.
type watch struct {
	to      *Receiver
	pattern registry.Pattern
	text    string

	// Guarded by to.mu.
	removed bool
	queued  bool
	told    map[registry.ServiceKey]bool // what the client knows, or is being told
	news    []WatchedService             // in order
	batches []WatchMessage               // of the synchronisation, not sent yet
	syncing int                          // batches not acknowledged yet
	finish  bool                         // say so when they are
}

// watchers are all watches of a server.
type watchers struct {
	engine *Engine
	mu     sync.RWMutex
	all    map[string]map[*watch]struct{} // by pattern
}

// Watch has the receiver told of services that match a pattern: of those that
// are there and are not among received, of those in received that are not
// there, and then of what comes and goes. more is true if not all that match
// are watched, because they are too many.
func (r *Receiver) Watch(pattern string, received []registry.ServiceKey, initializing bool) (more bool, err error) {
	p, err := registry.ParsePattern(pattern)
	if err != nil {
		return false, err
	}
	limits := r.engine.reg.Limits()
	r.mu.Lock()
	w := r.watches[pattern]
	if w == nil {
		w = &watch{to: r, pattern: p, text: pattern}
		if r.closed {
			r.mu.Unlock()
			return false, ErrClosed
		}
		if r.watches == nil {
			r.watches = make(map[string]*watch)
		}
		r.watches[pattern] = w
	}
	r.mu.Unlock()
	if err := r.engine.fuzzy.add(w, limits.FuzzyPatterns); err != nil {
		r.mu.Lock()
		if !r.closed {
			delete(r.watches, pattern)
		}
		r.mu.Unlock()
		return false, err
	}
	// From here on changes reach the watch, so that none is missed between.
	keys, more := r.engine.reg.Matching(p, limits.FuzzyMatches)
	r.mu.Lock()
	defer r.mu.Unlock()
	w.sync(keys, received, initializing, more)
	w.queue()
	return more, nil
}

// sync plans the messages that bring the client from what it has to what is.
func (w *watch) sync(keys, received []registry.ServiceKey, initializing, more bool) {
	has := make(map[registry.ServiceKey]bool, len(received))
	for _, k := range received {
		has[k] = true
	}
	w.told = make(map[registry.ServiceKey]bool, len(keys))
	var diff []WatchedService
	for _, k := range keys {
		w.told[k] = true
		if !has[k] {
			diff = append(diff, WatchedService{k, true})
		}
		delete(has, k)
	}
	if !more { // else what is not among keys may be there all the same
		for k := range has {
			diff = append(diff, WatchedService{k, false})
		}
	}
	kind := WatchDiff
	if initializing {
		kind = WatchInit
	}
	w.batches, w.syncing, w.finish = nil, 0, initializing
	for _, n := range w.news { // since the keys were looked up
		if n.Added {
			w.told[n.Key] = true
		} else {
			delete(w.told, n.Key)
		}
	}
	for batch := range slices.Chunk(diff, watchBatch) {
		w.batches = append(w.batches, WatchMessage{Type: kind, Pattern: w.text, Services: batch})
	}
	for i := range w.batches {
		w.batches[i].Batch, w.batches[i].Batches = i+1, len(w.batches)
	}
	if len(w.batches) == 0 && initializing {
		w.finished()
	}
}

func (w *watch) finished() {
	w.finish = false
	w.batches = append(w.batches, WatchMessage{Type: WatchFinish, Pattern: w.text, Batch: 1, Batches: 1})
}

// Unwatch ends a watch.
func (r *Receiver) Unwatch(pattern string) {
	r.mu.Lock()
	w := r.watches[pattern]
	delete(r.watches, pattern)
	if w != nil {
		w.removed = true
	}
	r.mu.Unlock()
	if w != nil {
		r.engine.fuzzy.remove(w)
	}
}

// add takes a watch in. It may be in already.
func (ws *watchers) add(w *watch, limit int) error {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.all == nil {
		ws.all = make(map[string]map[*watch]struct{})
	}
	same := ws.all[w.text]
	if same == nil {
		if len(ws.all) >= limit {
			return fmt.Errorf("%w: %d patterns", registry.ErrLimit, len(ws.all))
		}
		same = make(map[*watch]struct{})
		ws.all[strings.Clone(w.text)] = same
	}
	same[w] = struct{}{}
	return nil
}

func (ws *watchers) remove(w *watch) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	same := ws.all[w.text]
	delete(same, w)
	if len(same) == 0 {
		delete(ws.all, w.text)
	}
}

// changed tells the watches that a service has come or gone.
func (ws *watchers) changed(key registry.ServiceKey, added bool) {
	ws.mu.RLock()
	defer ws.mu.RUnlock()
	for _, same := range ws.all {
		for w := range same {
			if !w.pattern.Match(key) {
				break // nor does it match the others
			}
			w.note(key, added)
		}
	}
}

func (w *watch) note(key registry.ServiceKey, added bool) {
	r := w.to
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || w.removed || w.told[key] == added {
		return
	}
	if added && len(w.told) >= r.engine.reg.Limits().FuzzyMatches {
		return
	}
	if added {
		if w.told == nil {
			w.told = make(map[registry.ServiceKey]bool)
		}
		w.told[key] = true
	} else {
		delete(w.told, key)
	}
	w.report(WatchedService{key, added})
}

// report adds news, in the place of older news of the same service.
func (w *watch) report(n WatchedService) {
	w.news = slices.DeleteFunc(w.news, func(o WatchedService) bool { return o.Key == n.Key })
	w.news = append(w.news, n)
	w.queue()
}

// queue has the watch's messages sent. The caller holds r.mu.
func (w *watch) queue() {
	r := w.to
	if w.queued || w.removed || r.closed || len(w.batches)+len(w.news) == 0 {
		return
	}
	w.queued = true
	r.ready = append(r.ready, w)
	r.work()
}

// take returns the next message. The caller holds r.mu.
func (w *watch) take(r *Receiver) (m WatchMessage, ok bool) {
	switch {
	case w.removed || r.closed:
	case len(w.batches) > 0:
		m, w.batches = w.batches[0], w.batches[1:]
		if m.Type == WatchInit {
			w.syncing++
		}
		return m, true
	case len(w.news) > 0:
		m = WatchMessage{Type: WatchChanged, Pattern: w.text, Services: w.news[:1:1]}
		w.news = w.news[1:]
		return m, true
	}
	w.queued = false
	return m, false
}

func (r *Receiver) sendWatch(w *watch, m WatchMessage) error {
	id := r.engine.ids.Add(1)
	r.mu.Lock()
	if w.removed || r.closed {
		r.mu.Unlock()
		return nil
	}
	r.open[id] = &watchJob{w, m}
	r.mu.Unlock()
	r.engine.expect(r, id)
	return r.sink.SendWatch(id, m)
}

// watchJob is a message that waits to be acknowledged.
type watchJob struct {
	watch   *watch
	message WatchMessage
}

func (j *watchJob) acked(r *Receiver, _ uint64, ok bool) {
	w := j.watch
	switch {
	case w.removed || r.closed:
		return
	case ok && j.message.Type == WatchInit:
		if w.syncing--; w.syncing == 0 && len(w.batches) == 0 && w.finish {
			w.finished()
			w.queue()
		}
		return
	case ok:
		return
	case j.message.Type == WatchChanged:
		n := j.message.Services[0]
		if !slices.ContainsFunc(w.news, func(o WatchedService) bool { return o.Key == n.Key }) && w.told[n.Key] == n.Added {
			w.news = append(w.news, n)
		}
	default:
		if j.message.Type == WatchInit {
			w.syncing--
		}
		w.batches = append(w.batches, j.message)
	}
	r.engine.retry(w)
}

// again has what is left sent.
func (w *watch) again() {
	w.to.mu.Lock()
	defer w.to.mu.Unlock()
	w.queue()
}
