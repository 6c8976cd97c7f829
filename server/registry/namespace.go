package registry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Namespace keeps services apart. One that was never created works as well;
// creating it gives it a name.
type Namespace struct {
	ID, Name, Description string
}

// Namespaces returns all that were created, and the default one first.
func (r *Registry) Namespaces() []Namespace {
	r.fsm.mu.RLock()
	defer r.fsm.mu.RUnlock()
	all := make([]Namespace, 0, len(r.fsm.namespaces)+1)
	for _, n := range r.fsm.namespaces {
		all = append(all, n)
	}
	slices.SortFunc(all, func(a, b Namespace) int { return strings.Compare(a.ID, b.ID) })
	return slices.Insert(all, 0, Namespace{ID: DefaultNamespace, Name: DefaultNamespace, Description: "Default Namespace"})
}

// Namespace returns one that was created, or the default one.
func (r *Registry) Namespace(id string) (Namespace, error) {
	for _, n := range r.Namespaces() {
		if n.ID == id || id == "" && n.ID == DefaultNamespace {
			return n, nil
		}
	}
	return Namespace{}, fmt.Errorf("%w: %s", ErrNoNamespace, id)
}

// CreateNamespace creates a namespace, with an id of its own making if it has
// none. It returns the id.
func (r *Registry) CreateNamespace(ctx context.Context, n Namespace) (string, error) {
	if n.ID == "" {
		n.ID = randomID()
	}
	return n.ID, r.putNamespace(ctx, true, n)
}

// randomID is a UUID of random bits.
func randomID() string {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // it does not fail, by its contract
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// UpdateNamespace changes what a namespace is called.
func (r *Registry) UpdateNamespace(ctx context.Context, n Namespace) error {
	return r.putNamespace(ctx, false, n)
}

func (r *Registry) putNamespace(ctx context.Context, create bool, n Namespace) error {
	if n.ID == "" {
		return invalid("namespaceId", "namespaceId [] mismatch the pattern")
	}
	if err := checkNamespace(n.ID); err != nil {
		return err
	}
	switch {
	case n.Name == "" || len(n.Name) > 256 || strings.ContainsAny(n.Name, "@#$%^&*"):
		return invalid("namespaceName", "namespaceName [%s] contains illegal char", n.Name)
	case len(n.Description) > 1024:
		return invalid("namespaceDesc", "namespaceDesc is too long")
	case n.ID == DefaultNamespace:
		return fmt.Errorf("%w: %s", ErrNamespaceExists, n.ID)
	}
	// Limits are checked by who proposes: they are settings of one server,
	// and what a command does must not depend on the server.
	if have := len(r.Namespaces()); create && have > r.limits.Namespaces {
		return fmt.Errorf("%w: %d namespaces", ErrLimit, have)
	}
	b := appendBool(r.command(opPutNamespace), create)
	for _, s := range []string{n.ID, n.Name, n.Description} {
		b = appendText(b, s)
	}
	return r.propose(ctx, b)
}

// RemoveNamespace forgets what a namespace is called. What is registered in it
// stays.
func (r *Registry) RemoveNamespace(ctx context.Context, id string) error {
	if err := checkNamespace(id); err != nil {
		return err
	}
	return r.propose(ctx, appendText(r.command(opRemoveNamespace), id))
}

func (f *fsm) putNamespace(create bool, n Namespace) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.namespaces[n.ID]
	switch {
	case create && ok:
		return &remoteError{kind: ErrNamespaceExists, text: "namespaceId [" + n.ID + "] already exist."}
	case !create && !ok:
		return &remoteError{kind: ErrNoNamespace, text: "namespaceId [ " + n.ID + " ] not exist"}
	}
	f.namespaces[n.ID] = n
	return nil
}

func (f *fsm) removeNamespace(id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.namespaces[id]; !ok {
		return &remoteError{kind: ErrNoNamespace, text: "namespaceId [ " + id + " ] not exist"}
	}
	delete(f.namespaces, id)
	return nil
}
