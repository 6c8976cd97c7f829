package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
)

// switches shows what is switched how, in the names of Nacos' SwitchDomain.
func (s *Server) switches(*request) (any, error) {
	w := s.reg.Switches()
	var status any
	if w.Status != "" {
		status = w.Status
	}
	limited := w.LimitedURLs
	if limited == nil {
		limited = map[string]int{}
	}
	return object{
		"name": "00-00---000-NACOS_SWITCH_DOMAIN-000---00-00", "masters": w.Masters, "adWeightMap": object{},
		"defaultPushCacheMillis": w.PushCache, "clientBeatInterval": w.BeatInterval, "defaultCacheMillis": w.Cache,
		"distroThreshold": w.DistroThreshold, "healthCheckEnabled": w.HealthCheck, "autoChangeHealthCheckEnabled": w.AutoHealthCheck,
		"distroEnabled": w.Distro, "enableStandalone": w.Standalone, "pushEnabled": w.Push, "checkTimes": w.CheckTimes,
		"httpHealthParams": w.HTTP, "tcpHealthParams": w.TCP, "mysqlHealthParams": w.MySQL, "incrementalList": []string{},
		"serverStatusSynchronizationPeriodMillis": w.ServerStatusPeriod, "serviceStatusSynchronizationPeriodMillis": w.ServiceStatusPeriod,
		"disableAddIP": w.DisableAddIP, "sendBeatOnly": w.SendBeatOnly, "lightBeatEnabled": w.LightBeat, "limitedUrlMap": limited,
		"distroServerExpiredMillis": w.DistroExpired, "pushGoVersion": w.PushVersions["go"], "pushJavaVersion": w.PushVersions["java"],
		"pushPythonVersion": w.PushVersions["python"], "pushCVersion": w.PushVersions["c"], "pushCSharpVersion": w.PushVersions["csharp"],
		"enableAuthentication": false, "overriddenServerStatus": status, "defaultInstanceEphemeral": w.DefaultEphemeral,
		"healthCheckWhiteList": []string{}, "expireInstance": w.Expire, "checksum": nil,
	}, nil
}

func (s *Server) setSwitch(q *request) (any, error) {
	entry, err := q.required("entry")
	if err != nil {
		return nil, err
	}
	value, err := q.required("value")
	if err != nil && entry != "overriddenServerStatus" { // that one is taken back by nothing
		return nil, err
	}
	return "ok", s.reg.SetSwitch(q.Context(), entry, value, q.flag("debug", false))
}

func (s *Server) metrics(q *request) (any, error) {
	o := object{"status": s.reg.Status()}
	if q.flag("onlyStatus", true) {
		return o, nil
	}
	st := s.reg.Stats()
	o["serviceCount"], o["instanceCount"], o["subscribeCount"] = st.Services, st.Instances, st.Subscribers
	o["responsibleInstanceCount"], o["responsibleClientCount"] = st.OwnInstances, st.OwnClients
	o["clientCount"], o["connectionBasedClientCount"] = 0, 0
	o["ephemeralIpPortClientCount"], o["persistentIpPortClientCount"] = 0, 0
	for _, id := range s.reg.Clients() {
		kind := "connectionBasedClientCount"
		switch {
		case strings.HasSuffix(string(id), "#false"):
			kind = "persistentIpPortClientCount"
		case strings.Contains(string(id), "#"):
			kind = "ephemeralIpPortClientCount"
		}
		o[kind] = o[kind].(int) + 1
		o["clientCount"] = o["clientCount"].(int) + 1
	}
	load := machineLoad()
	o["cpu"], o["load"], o["mem"] = load.cpu, load.average, load.memory
	return o, nil
}

// pushState counts pushes since the server started, or since it was last asked
// to count anew; what Prometheus is told goes on.
func (s *Server) pushState(q *request) (any, error) {
	s.pushMu.Lock()
	defer s.pushMu.Unlock()
	now := s.opts.Push.Stats()
	sent, failed := now.Sent-s.pushed.Sent, now.Failed-s.pushed.Failed
	reset := q.flag("reset", false)
	o := object{"succeed": int64(sent) - int64(failed), "total": sent, "ratio": 0.0, "reset": reset}
	if sent > 0 {
		o["ratio"] = (float64(sent) - float64(failed)) / float64(sent)
	}
	if q.flag("detail", false) {
		average := int64(-1)
		if acked := now.Acked - s.pushed.Acked; acked > 0 {
			average = (now.Cost - s.pushed.Cost).Milliseconds() / int64(acked)
		}
		o["detail"] = object{"avgPushCost": average, "maxPushCost": now.MaxCost.Milliseconds()}
	}
	if reset {
		s.pushed = now
		s.opts.Push.ResetMaxCost()
	}
	return o, nil
}

func (s *Server) setLog(q *request) (any, error) {
	name, level := q.text("logName", ""), q.text("logLevel", "")
	if name == "" || level == "" {
		var err error
		if name, level, err = q.logBody(); err != nil {
			return nil, err
		}
	}
	if s.opts.SetLogLevel == nil {
		return nil, codes.Unimplemented.With("the log level of this server cannot be set")
	}
	return "ok", s.opts.SetLogLevel(name, level)
}

// setHealth sets the health of an instance that nobody checks.
func (s *Server) setHealth(q *request) (any, error) {
	text := q.text("healthy", q.text("valid", ""))
	if text == "" {
		return nil, q.missing("healthy")
	}
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	a, err := q.address()
	if err != nil {
		return nil, err
	}
	return "ok", s.reg.SetHealthByHand(q.Context(), key, a, truth(text, false))
}

func (s *Server) checkers(*request) (any, error) {
	return object{
		"TCP": object{"type": "TCP"}, "NONE": object{"type": "NONE"},
		"HTTP":  object{"type": "HTTP", "path": "", "headers": "", "expectedResponseCode": http.StatusOK},
		"MYSQL": object{"type": "MYSQL", "user": "", "pwd": "", "cmd": ""},
	}, nil
}

func (s *Server) healthText(*request) (any, error) {
	health := "healthy"
	if is := s.reg.Status(); is != "UP" {
		health = is
	}
	return object{"msg": fmt.Sprintf("Hello! I am Nacos-Naming and %s! total services: %d, local port:%d",
		health, s.reg.CountServices(), s.opts.Address.Port())}, nil
}
