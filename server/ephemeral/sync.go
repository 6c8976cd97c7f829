package ephemeral

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/musterhq/muster"
)

// topicMark is asked by a server that has just started.
const topicMark = "muster/ephemeral/mark"

// markFor is how long a mark stays. It is there for one server to see.
const markFor = time.Minute

// askEvery is the patience with one peer before it is asked again.
const askEvery = 2 * time.Second

// maxNonce bounds what a question asks to be marked with.
const maxNonce = 64

// question asks a peer to write a mark into its records. Records are copied in
// the order in which they were written: who has the mark has all before it.
type question struct {
	Nonce string `json:"nonce"`
	Clock uint64 `json:"clock"`
}

// opinion is what a peer answers.
type opinion struct {
	Clock    uint64 `json:"clock"`
	Verified bool   `json:"verified"` // it knows all there is, and has known for a while
	Fresh    bool   `json:"fresh"`    // it had no life before this one, or nobody is to come back from it
	// Remembers is for how long it still lists what the asker's former life held.
	Remembers time.Duration `json:"remembers"`
}

func (p *Plane) answerMark(_ context.Context, m muster.Message) ([]byte, error) {
	var q question
	if err := json.Unmarshal(m.Payload, &q); err != nil || q.Nonce == "" || len(q.Nonce) > maxNonce {
		return nil, errors.New("malformed question")
	}
	p.reg.ObserveClock(q.Clock)
	a := opinion{Clock: p.reg.Clock(), Verified: p.reg.Verified(), Fresh: p.opts.Fresh, Remembers: p.reg.Remembers(m.Sender)}
	if err := p.records.Set(string(keyMark)+q.Nonce, appendLife(p.life), markFor); err != nil {
		return nil, err
	}
	return json.Marshal(a)
}

// marked notes that a mark has come. The caller holds p.mu.
func (p *Plane) marked(owner, key string) {
	if c := p.marks[owner+"/"+key[1:]]; c != nil {
		close(c)
		delete(p.marks, owner+"/"+key[1:])
	}
}

// Sync returns once this server knows what each of its peers knew when they
// were asked, and how long to wait for clients that may be on their way. Where
// a peer has known all along these are the clients of this server's own former
// life, for as long as peers list them; else all of them, unless nobody had a
// life before.
//
// peers returns the servers that are there now. One that goes meanwhile is not
// waited for.
func (p *Plane) Sync(ctx context.Context, peers func() []string) (settle time.Duration, err error) {
	done := make(map[string]bool)
	verified, fresh, remembered := false, p.opts.Fresh, time.Duration(0)
	for {
		missing := ""
		for _, name := range peers() {
			if name == p.self || done[name] {
				continue
			}
			a, err := p.syncWith(ctx, name)
			if ctx.Err() != nil {
				return 0, context.Cause(ctx)
			}
			if err != nil {
				p.log.Debug("comparing notes with a server", "server", name, "err", err)
				missing = name
				continue
			}
			done[name] = true
			verified, fresh, remembered = verified || a.Verified, fresh && a.Fresh, max(remembered, a.Remembers)
		}
		if missing == "" {
			break
		}
		if err := pause(ctx, askEvery/4); err != nil {
			return 0, fmt.Errorf("waiting for server %s: %w", missing, err)
		}
	}
	if verified || fresh {
		return remembered, nil
	}
	return max(p.opts.Settle, remembered), nil
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// syncWith asks one peer and waits for its mark.
func (p *Plane) syncWith(ctx context.Context, peer string) (a opinion, err error) {
	ctx, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	nonce := rand.Text()
	q, err := json.Marshal(question{Nonce: nonce, Clock: p.reg.Clock()})
	if err != nil {
		return a, err
	}
	came := make(chan struct{})
	id := peer + "/" + nonce
	p.mu.Lock()
	p.marks[id] = came
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.marks, id)
	}()
	b, err := p.node.Request(ctx, peer, topicMark, q)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("answer of %s: %w", peer, err)
	}
	p.reg.ObserveClock(a.Clock)
	select {
	case <-came:
		return a, nil
	case <-ctx.Done():
		return a, fmt.Errorf("the mark has not come: %w", context.Cause(ctx))
	}
}
