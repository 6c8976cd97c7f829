package registry

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
)

// Documents are small things that the servers agree on and that the registry
// does not look into: users and their rights, switches. They lie in buckets.

// A Condition says when a document may be written.
type Condition byte

// What a document must be for a write to succeed.
const (
	Always   Condition = iota
	IfAbsent           // there is none yet
	IfPresent
	IfEqual // it is what the caller read
)

// A DocumentWrite writes one document.
type DocumentWrite struct {
	Bucket, Key string
	Value       []byte
	If          Condition
	Expected    []byte // for IfEqual
}

// Document returns a document, nil if there is none.
func (r *Registry) Document(bucket, key string) []byte {
	r.fsm.mu.RLock()
	defer r.fsm.mu.RUnlock()
	return bytes.Clone(r.fsm.documents[bucket][key])
}

// Documents returns the keys of a bucket in order.
func (r *Registry) Documents(bucket string) []string {
	r.fsm.mu.RLock()
	defer r.fsm.mu.RUnlock()
	return slices.Sorted(maps.Keys(r.fsm.documents[bucket]))
}

// PutDocument writes a document. [ErrConflict] says that the condition did not
// hold.
func (r *Registry) PutDocument(ctx context.Context, w DocumentWrite) error {
	switch {
	case w.Bucket == "" || w.Key == "" || len(w.Bucket) > 64 || len(w.Key) > 512:
		return invalid("key", "a document needs a bucket of at most 64 bytes and a key of at most 512")
	case len(w.Value)+len(w.Expected) > r.limits.Document:
		return invalid("value", "a document has at most %d bytes", r.limits.Document)
	}
	if n := r.documentCount(); n >= r.limits.Documents {
		return fmt.Errorf("%w: %d documents", ErrLimit, n)
	}
	b := r.command(opPutDocument)
	b = appendText(b, w.Bucket)
	b = appendText(b, w.Key)
	b = append(b, byte(w.If))
	b = appendText(b, w.Value)
	return r.propose(ctx, appendText(b, w.Expected))
}

// RemoveDocument removes a document, if it is there.
func (r *Registry) RemoveDocument(ctx context.Context, bucket, key string) error {
	b := appendText(r.command(opRemoveDocument), bucket)
	return r.propose(ctx, appendText(b, key))
}

func (r *Registry) documentCount() int {
	r.fsm.mu.RLock()
	defer r.fsm.mu.RUnlock()
	return r.fsm.docCount
}

func (r *reader) document() DocumentWrite {
	d := DocumentWrite{Bucket: r.text(), Key: r.text(), If: Condition(r.byte())}
	d.Value = bytes.Clone(r.bytes())
	d.Expected = bytes.Clone(r.bytes())
	if d.If > IfEqual {
		r.fail("condition")
	}
	return d
}

func (r *Registry) putDocument(d DocumentWrite) error {
	f := &r.fsm
	f.mu.Lock()
	defer f.mu.Unlock()
	old, ok := f.documents[d.Bucket][d.Key]
	if d.If == IfAbsent && ok || d.If == IfPresent && !ok || d.If == IfEqual && !(ok && bytes.Equal(old, d.Expected)) {
		return fmt.Errorf("%w: %s/%s", ErrConflict, d.Bucket, d.Key)
	}
	f.setDocument(d.Bucket, d.Key, d.Value)
	r.documentChanged(d.Bucket)
	return nil
}

func (f *fsm) setDocument(bucket, key string, value []byte) {
	if f.documents[bucket] == nil {
		f.documents[bucket] = make(map[string][]byte)
	}
	if _, ok := f.documents[bucket][key]; !ok {
		f.docCount++
	}
	f.documents[bucket][key] = value
}

func (r *Registry) removeDocument(bucket, key string) error {
	f := &r.fsm
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.documents[bucket][key]; ok {
		delete(f.documents[bucket], key)
		f.docCount--
		if len(f.documents[bucket]) == 0 {
			delete(f.documents, bucket)
		}
		r.documentChanged(bucket)
	}
	return nil
}

// documentChanged lets the parts of the registry that keep documents know.
// The caller holds fsm.mu.
func (r *Registry) documentChanged(bucket string) {
	if bucket == switchBucket {
		r.switches.load(r.fsm.documents[bucket])
	}
}
