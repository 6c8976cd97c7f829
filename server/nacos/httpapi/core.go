package httpapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// What servers say of themselves and of each other.

// raftGroups are the groups that Nacos keeps apart. Here one log holds all.
var raftGroups = []string{"naming_persistent_service_v2", "naming_service_metadata", "naming_instance_metadata"}

func address(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

func memberObject(m Member) object {
	groups := object{}
	for _, g := range raftGroups {
		groups[g] = object{"leader": m.Raft.Leader, "raftGroupMember": m.Raft.Peers, "term": m.Raft.Term}
	}
	return object{
		"ip": m.IP, "port": m.Port, "state": m.State, "address": address(m.IP, m.Port), "failAccessCnt": m.Failures,
		"grpcReportEnabled": true,
		"abilities": object{
			"remoteAbility": object{"supportRemoteConnection": true, "grpcReportEnabled": true},
			"configAbility": object{"supportRemoteMetrics": false}, "namingAbility": object{"supportJraft": true},
		},
		"extendInfo": object{
			"lastRefreshTime": m.Refreshed.UnixMilli(), "raftPort": strconv.Itoa(m.RaftPort), "version": m.Version, "id": m.ID,
			"raftMetaData": object{"metaDataMap": groups},
			"raft": object{
				"state": m.Raft.State, "leader": m.Raft.Leader, "term": m.Raft.Term, "index": m.Raft.Index, "applied": m.Raft.Applied,
				"lag": m.Raft.LagEntries, "diskErrors": m.Raft.DiskErrors,
			},
		},
	}
}

func (s *Server) self(*request) (any, error) { return memberObject(s.opts.Cluster.Members()[0]), nil }

// memberStates are what Nacos says that a server can be.
var memberStates = []string{"STARTING", "UP", "SUSPICIOUS", "DOWN", "ISOLATION"}

// selected returns the members that a request asks for.
func (s *Server) selected(q *request) ([]Member, error) {
	part, state := q.text("keyword", q.text("address", "")), q.text("state", "")
	if state != "" && !slices.Contains(memberStates, strings.ToUpper(state)) {
		return nil, codes.State.With("Illegal state: " + state)
	}
	return slices.DeleteFunc(slices.Clone(s.opts.Cluster.Members()), func(m Member) bool {
		return !strings.Contains(address(m.IP, m.Port), part) || state != "" && !strings.EqualFold(m.State, state)
	}), nil
}

func (s *Server) members(q *request) (any, error) {
	all, err := s.selected(q)
	out := make([]object, len(all))
	for i, m := range all {
		out[i] = memberObject(m)
	}
	return out, err
}

// servers is how version 1 lists them where the others have their nodes.
func (s *Server) servers(q *request) (any, error) {
	v, err := s.members(q)
	return object{"servers": v}, err
}

func (s *Server) simpleMembers(q *request) (any, error) {
	all, err := s.selected(q)
	out := make([]string, len(all))
	for i, m := range all {
		out[i] = address(m.IP, m.Port)
	}
	return out, err
}

func (s *Server) selfHealth(*request) (any, error) { return s.reg.Status(), nil }

func (s *Server) liveness(*request) (any, error) { return "ok", nil }

func (s *Server) livenessV1(*request) (any, error) { return "OK", nil }

func (s *Server) readiness(*request) (any, error) {
	if err := s.ready(); err != nil {
		return nil, (codes.Code{HTTP: http.StatusInternalServerError, API: 30000, Text: "server error"}).With(err.Error())
	}
	return "ok", nil
}

func (s *Server) readinessV1(*request) (any, error) {
	if err := s.ready(); err != nil {
		return answered{status: http.StatusInternalServerError, value: err.Error()}, nil
	}
	return "OK", nil
}

// actuatorHealth is what probes ask that were made for Spring.
func (s *Server) actuatorHealth(*request) (any, error) {
	if err := s.ready(); err != nil {
		return answered{status: http.StatusServiceUnavailable, value: object{"status": "DOWN"}}, nil
	}
	return object{"status": "UP"}, nil
}

func (s *Server) ready() error {
	if !s.reg.IsReady() {
		return fmt.Errorf("naming not in readiness: %w", registry.ErrNotReady)
	}
	return s.opts.Healthy()
}

// state is what consoles and clients ask first.
func (s *Server) state(*request) (any, error) {
	mode := "cluster"
	if len(s.opts.Cluster.Members()) == 1 {
		mode = "standalone"
	}
	return map[string]*string{
		"version": &s.opts.Version, "standalone_mode": &mode, "function_mode": nil, "startup_mode": text("naming"),
		"server_port":           text(strconv.Itoa(int(s.opts.Address.Port()))),
		"auth_enabled":          text(strconv.FormatBool(s.opts.Access.Enabled())),
		"auth_system_type":      text("nacos"),
		"auth_admin_request":    text("false"),
		"login_page_enabled":    text(strconv.FormatBool(s.opts.Access.Enabled())),
		"console_ui_enabled":    text("false"),
		"config_retention_days": nil,
	}, nil
}

func text(s string) *string { return &s }

func (s *Server) announcement(*request) (any, error) { return "", nil }

// raftOps does what an operator asks of Raft.
func (s *Server) raftOps(q *request) (any, error) {
	var in struct{ Command, Value, GroupID string }
	in.Command, in.Value = q.text("command", ""), q.text("value", "")
	if in.Command == "" {
		if err := q.json(&in); err != nil {
			return nil, err
		}
	}
	if in.Command == "" {
		return nil, q.missing("command")
	}
	return nil, s.opts.Cluster.RaftCommand(q.Context(), in.Command, in.Value)
}

// json reads a body that is JSON.
func (q *request) json(v any) error {
	if err := json.Unmarshal(q.body, v); err != nil {
		return codes.Invalid.With("body: " + err.Error())
	}
	return nil
}

func (q *request) logBody() (name, level string, err error) {
	var in struct {
		LogName  string `json:"logName"`
		LogLevel string `json:"logLevel"`
	}
	if err := q.json(&in); err != nil {
		return "", "", err
	}
	if in.LogName == "" || in.LogLevel == "" {
		return "", "", q.missing("logName")
	}
	return in.LogName, in.LogLevel, nil
}

func (s *Server) ids(*request) (any, error) { return []object{}, nil }

func (s *Server) idsV1(*request) (any, error) { return object{}, nil }

// raftState and raftLeader are what 1.x clusters were asked for.
func (s *Server) raftState(*request) (any, error) {
	peers := []object{}
	for _, m := range s.opts.Cluster.Members() {
		peers = append(peers, peerObject(m))
	}
	return object{"services": s.reg.Stats().Services, "peers": peers}, nil
}

func peerObject(m Member) object {
	return object{
		"ip": address(m.IP, m.Port), "voteFor": m.Raft.Leader, "term": m.Raft.Term, "leaderDueMs": 0, "heartbeatDueMs": 0, "state": m.Raft.State,
	}
}

func (s *Server) raftLeader(*request) (any, error) {
	for _, m := range s.opts.Cluster.Members() {
		if m.Raft.State == "LEADER" {
			b, err := json.Marshal(peerObject(m))
			if err != nil {
				return nil, fmt.Errorf("encoding the leader: %w", err)
			}
			return object{"leader": string(b)}, nil
		}
	}
	return nil, codes.NotReady.With("there is no leader")
}

func (s *Server) raftPeer(*request) (any, error) {
	return peerObject(s.opts.Cluster.Members()[0]), nil
}

func (s *Server) currentClients(*request) (any, error) {
	out := object{}
	if s.opts.Connections == nil {
		return out, nil
	}
	for _, c := range s.opts.Connections.Connections() {
		out[string(c.ID)] = object{
			"metaInfo": object{
				"connectType": c.Info.Type, "clientIp": c.Info.IP, "remoteIp": c.Info.IP, "remotePort": c.Info.Port, "version": c.Info.Version,
				"connectionId": c.ID, "createTime": c.Since.UnixMilli(), "lastActiveTime": c.LastActive.UnixMilli(),
				"appName": c.Info.App, "labels": c.Info.Labels,
			},
			"connected": true,
		}
	}
	return out, nil
}

func (s *Server) reloadCurrent(q *request) (any, error) {
	if _, err := q.required("count"); err != nil {
		return nil, err
	}
	n, err := q.number("count", 0)
	if err != nil {
		return nil, err
	}
	if s.opts.Connections == nil {
		return "success", nil
	}
	return "success", s.opts.Connections.Reload(n, q.text("redirectAddress", ""))
}

func (s *Server) reloadClient(q *request) (any, error) {
	id, err := q.required("connectionId")
	if err != nil {
		return nil, err
	}
	if s.opts.Connections == nil {
		return nil, codes.NotFound.With("connection " + id + " not found")
	}
	return "success", s.opts.Connections.ReloadOne(registry.ClientID(id), q.text("redirectAddress", ""))
}

func (s *Server) smartReload(q *request) (any, error) {
	factor := 0.1
	if t := q.text("loaderFactor", ""); t != "" {
		var err error
		if factor, err = strconv.ParseFloat(t, 64); err != nil || factor < 0 || factor > 10 {
			return nil, codes.Invalid.With("loaderFactor is a number from 0 to 10, not " + t)
		}
	}
	return "Ok", s.opts.Cluster.Rebalance(q.Context(), factor)
}

func (s *Server) loaderMetrics(q *request) (any, error) {
	loads := s.opts.Cluster.Loads(q.Context())
	detail, total, least, most := []object{}, 0, -1, 0
	for _, addr := range slices.Sorted(maps.Keys(loads)) {
		n := loads[addr]
		detail = append(detail, object{"address": addr, "metric": object{"sdkConCount": strconv.Itoa(n), "conCount": strconv.Itoa(n)}})
		total += n
		most = max(most, n)
		if least < 0 || n < least {
			least = n
		}
	}
	average := 0
	if len(loads) > 0 {
		average = total / len(loads)
	}
	members := len(s.opts.Cluster.Members())
	return object{
		"detail": detail, "memberCount": members, "metricsCount": len(loads), "completed": len(loads) == members,
		"max": most, "min": max(least, 0), "avg": average, "threshold": average * 11 / 10, "total": total,
	}, nil
}
