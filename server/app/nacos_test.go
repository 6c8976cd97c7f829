package app

import (
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Dashboards for Nacos find what they look for, with the values of this server.
func TestCountersUnderNacosNames(t *testing.T) {
	s := run(t, Options{})
	s.do("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.1&port=80")
	s.do("POST", "/nacos/v1/ns/instance?serviceName=e&ip=10.0.0.2&port=80")
	s.do("POST", "/nacos/v1/ns/instance?serviceName=p&ip=10.0.0.1&port=80&ephemeral=false")
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	s.subscribe("e", udp.LocalAddr().(*net.UDPAddr).Port)
	for name, want := range map[string]string{
		`nacos_monitor{module="naming",name="serviceCount"}`:                    "2",
		`nacos_monitor{module="naming",name="ipCount"}`:                         "3",
		`nacos_monitor{module="naming",name="subscriberCount"}`:                 "1",
		`nacos_monitor{module="naming",name="leaderStatus"}`:                    "1",
		`nacos_monitor{module="naming",name="longConnection"}`:                  "0",
		`nacos_monitor{module="core",name="longConnection"}`:                    "0",
		`nacos_monitor{module="naming",name="avgPushCost"}`:                     "", // of whatever value
		`nacos_monitor{module="naming",name="maxPushCost"}`:                     "",
		`nacos_monitor{module="naming",name="totalPush"}`:                       "",
		`nacos_monitor{module="naming",name="totalPushCountForAvg"}`:            "",
		`nacos_monitor{module="naming",name="totalPushCostForAvg"}`:             "",
		`nacos_monitor{module="naming",name="failedPush"}`:                      "0",
		`nacos_monitor{module="naming",name="emptyPush"}`:                       "0",
		`nacos_monitor{module="naming",name="pushPendingTaskCount"}`:            "",
		`nacos_monitor{module="naming",name="serviceSubscribedEventQueueSize"}`: "0",
		`nacos_monitor{module="naming",name="serviceChangedEventQueueSize"}`:    "",
		`nacos_monitor{module="naming",name="tcpHealthCheck"}`:                  "",
		`nacos_monitor{module="naming",name="httpHealthCheck"}`:                 "0",
		`nacos_monitor{module="naming",name="mysqlHealthCheck"}`:                "0",
		`nacos_naming_publisher{version="v1"}`:                                  "2",
		`nacos_naming_publisher{version="v2"}`:                                  "0",
		`nacos_naming_subscriber{version="v1"}`:                                 "1",
		`nacos_naming_subscriber{version="v2"}`:                                 "0",
		`nacos_exception{module="naming",name="disk"}`:                          "0",
		`nacos_exception{module="naming",name="leaderSendBeatFailed"}`:          "0",
		`nacos_exception{module="naming",name="nacos"}`:                         "0",
		`nacos_exception{module="naming",name="illegalArgument"}`:               "0",
		`nacos_monitor_summary_count{name="raft_apply_log_timer"}`:              "",
		`nacos_monitor_summary_count{name="raft_read_index_failed"}`:            "0",
	} {
		found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(s.do("GET", "/nacos/actuator/prometheus"))
		switch {
		case found == nil:
			t.Errorf("there is no %s", name)
		case want != "" && found[1] != want:
			t.Errorf("%s is %s, want %s", name, found[1], want)
		}
	}
	requests := regexp.MustCompile(`http_server_requests_seconds_count\{method="POST",status="200",uri="/nacos/v1/ns/instance"\} 3\n`)
	if body := s.do("GET", "/nacos/actuator/prometheus"); !requests.MatchString(body) {
		t.Error("the requests are not counted")
	}
}

// subscribe asks for a list as a 1.x client does that listens at a port.
func (r *running) subscribe(service string, port int) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), "GET",
		"http://"+r.Addrs().HTTP+"/nacos/v1/ns/instance/list?serviceName="+service+"&clientIP=127.0.0.1&app=shop&udpPort="+strconv.Itoa(port), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("User-Agent", "Nacos-Java-Client:v1.4.8")
	a, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	if _ = a.Body.Close(); a.StatusCode != http.StatusOK {
		r.t.Fatal(a.Status)
	}
}

// Any server tells who is subscribed, at whatever server.
func TestSubscribersOfAllServers(t *testing.T) {
	all := trio(t)
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	port := udp.LocalAddr().(*net.UDPAddr).Port
	all[0].subscribe("demo", port)
	all[1].subscribe("demo", port+1)
	const path = "/nacos/v1/ns/service/subscribers?serviceName=demo&pageNo=1&pageSize=10"
	for i, s := range all {
		if body := s.do("GET", path); !strings.Contains(body, `"count":2`) || !strings.Contains(body, `"addrStr":"127.0.0.1:`+strconv.Itoa(port)+`"`) ||
			!strings.Contains(body, `"agent":"Nacos-Java-Client:v1.4.8"`) || !strings.Contains(body, `"app":"shop"`) {
			t.Errorf("server %d: %s", i, body)
		}
		own := strconv.Itoa(min(1, 2-i))
		if body := s.do("GET", path+"&aggregation=false"); !strings.Contains(body, `"count":`+own) {
			t.Errorf("server %d alone: %s", i, body)
		}
	}
}

// Without a majority a server still tells what it knows, but not to those who
// want to know no less than all.
func TestLinearizableReadsNeedAMajority(t *testing.T) {
	if testing.Short() {
		t.Skip("it waits for a majority that does not come, twice")
	}
	all := trio(t)
	all[1].do("POST", "/nacos/v1/ns/instance?serviceName=db&ip=10.0.0.1&port=80&ephemeral=false")
	const list = "/nacos/v1/ns/instance/list?serviceName=db"
	for i, s := range all {
		if body := s.do("GET", list+"&linearizable=true"); !strings.Contains(body, "10.0.0.1") {
			t.Fatalf("server %d has not caught up: %s", i, body)
		}
	}
	for _, s := range all[1:] { // they stay members of the majority that is needed
		s.stop()
	}
	if body, status := all[0].try("GET", list+"&linearizable=true"); status != http.StatusServiceUnavailable || !strings.Contains(body, "majority") {
		t.Errorf("%d %s", status, body)
	}
	if all[0].instances("db") != 1 {
		t.Error("it does not tell what it knows")
	}
	if body, status := all[0].try("POST", "/nacos/v1/ns/instance?serviceName=db&ip=10.0.0.2&port=80&ephemeral=false"); status == http.StatusOK {
		t.Errorf("a write without a majority: %s", body)
	}
}
