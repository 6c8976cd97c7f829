package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/musterhq/muster/server/api"
)

// keyring is what the agent needs of wire.Keyring.
type keyring interface {
	Add(key []byte) error
	Use(key []byte) error
	Remove(key []byte) error
	Keys() [][]byte
	Primary() []byte
}

// postKeys rotates keys while the node runs: add the new key everywhere, use
// it everywhere, then remove the old one everywhere.
func (a *Agent) postKeys(r *http.Request) (any, error) {
	req, err := decode[api.KeyRequest](r)
	if err != nil {
		return nil, err
	}
	if a.keys == nil {
		return nil, fault(http.StatusConflict,
			"keys can be rotated only where there was one from the start: --key or --key-file",
			"this agent runs without encryption")
	}
	switch req.Op {
	case "list":
	case "add":
		err = a.keys.Add(req.Key)
	case "use", "remove":
		if !a.holds(req.Key) {
			return nil, fault(http.StatusNotFound, `"muster key add" it first`, "the key %s is not in the ring", keyID(req.Key))
		}
		if req.Op == "use" {
			err = a.keys.Use(req.Key)
		} else {
			err = a.keys.Remove(req.Key)
		}
	default:
		return nil, fault(http.StatusBadRequest, "", "op %q: want add, use, remove or list", req.Op)
	}
	if err != nil {
		return nil, fault(http.StatusConflict, "", "%s key: %v", req.Op, err)
	}
	return a.listKeys(), nil
}

func (a *Agent) holds(key []byte) bool {
	for _, k := range a.keys.Keys() {
		if bytes.Equal(k, key) {
			return true
		}
	}
	return false
}

func (a *Agent) listKeys() api.KeyList {
	primary := a.keys.Primary()
	out := api.KeyList{Keys: []api.Key{}}
	for _, k := range a.keys.Keys() {
		out.Keys = append(out.Keys, api.Key{ID: keyID(k), Primary: bytes.Equal(k, primary)})
	}
	return out
}

// keyID names a key without telling it: whoever may list the ring need not be
// able to join the cluster.
func keyID(key []byte) string {
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:4])
}
