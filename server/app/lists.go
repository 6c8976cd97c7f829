package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/musterhq/muster"
	"github.com/musterhq/muster/server/registry"
)

// topicList asks a server what it lists of a service.
const topicList = "muster/list"

func (s *Server) answerList(_ context.Context, m muster.Message) ([]byte, error) {
	var key registry.ServiceKey
	if err := json.Unmarshal(m.Payload, &key); err != nil {
		return nil, fmt.Errorf("malformed: %w", err)
	}
	return s.reg.AppendList(nil, key)
}

// listElsewhere is the registry's [registry.Elsewhere]: the first of the other
// servers that knows, each within a second. After a start of this server they
// go on listing what its former life held, until its clients have had the time
// to come back.
func (s *Server) listElsewhere(ctx context.Context, key registry.ServiceKey) ([]byte, error) {
	payload, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	err = errors.New("there is no other server")
	for _, p := range s.members.others() {
		limited, cancel := context.WithTimeout(ctx, askEvery)
		var b []byte
		b, err = s.node.Request(limited, p, topicList, payload)
		cancel()
		if err == nil {
			return b, nil
		}
	}
	return nil, err
}
