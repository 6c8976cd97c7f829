package httpapi

import (
	"encoding/json"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/shape"
	"github.com/musterhq/muster/server/registry"
)

// Codes of beats.
const (
	beatOK      = 10200
	beatUnknown = 20404
)

// beatInfo is the instance that a full beat carries.
type beatInfo struct {
	IP          string      `json:"ip"`
	Port        int         `json:"port"`
	Cluster     string      `json:"cluster"`
	ServiceName string      `json:"serviceName"`
	Weight      *float64    `json:"weight"`
	Metadata    shape.Pairs `json:"metadata"`
	Ephemeral   *bool       `json:"ephemeral"`
}

// parseBeat reads a beat. Full is nil of a light one, which says only where
// the instance is.
func (q *request) parseBeat() (a registry.InstanceKey, full *registry.Instance, err error) {
	a = registry.InstanceKey{IP: q.text("ip", ""), Cluster: q.cluster()}
	port, err := q.number("port", 0)
	if err != nil {
		return a, nil, err
	}
	if text := q.text("beat", ""); text != "" {
		var b beatInfo
		if err := json.Unmarshal([]byte(text), &b); err != nil {
			return a, nil, codes.Invalid.With("beat: " + err.Error())
		}
		a.IP, port = b.IP, b.Port
		if b.Cluster != "" {
			a.Cluster = b.Cluster
		}
		weight := 1.0
		if b.Weight != nil {
			weight = *b.Weight
		}
		full = &registry.Instance{
			IP: a.IP, Cluster: a.Cluster, Weight: weight, Healthy: true, Enabled: true, Ephemeral: true,
			Meta: registry.NewMetadata(b.Metadata, ""),
		}
	}
	if port < 0 || port > 65535 {
		return a, nil, &registry.InvalidError{Param: "port", Text: "Param 'port' is illegal, the value should be between 0 and 65535."}
	}
	a.Port = uint16(port)
	if full != nil {
		full.Port = a.Port
	}
	if a.IP == "" {
		return a, nil, q.missing("ip")
	}
	return a, full, nil
}

func beatClient(q *request) registry.ClientID {
	a, _, err := q.parseBeat()
	if err != nil {
		return "" // it is refused here as well as there
	}
	return registry.AddressClient(a.IP, a.Port, true)
}

func (s *Server) beat(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	a, full, err := q.parseBeat()
	if err != nil {
		return nil, err
	}
	b, err := s.reg.Beat(key, a.IP, a.Port, full)
	if err != nil {
		return nil, err
	}
	code := beatOK
	if !b.Known {
		code = beatUnknown
	}
	return object{
		"clientBeatInterval": b.Interval.Milliseconds(), "code": code, "lightBeatEnabled": s.reg.Switches().LightBeat,
	}, nil
}

// registerOrBeat is the registration of version 3, which beats as well.
func (s *Server) registerOrBeat(q *request) (any, error) {
	if !q.flag("heartBeat", false) {
		return s.registerInstance(q)
	}
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	a, err := q.address()
	if err != nil {
		return nil, err
	}
	b, err := s.reg.Beat(key, a.IP, a.Port, nil)
	if err != nil {
		return nil, err
	}
	if !b.Known {
		return nil, codes.NoBeat.With(codes.NoBeat.Text)
	}
	return "ok", nil
}
