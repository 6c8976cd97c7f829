package httpapi

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/nacos/grpcapi"
	"github.com/musterhq/muster/server/registry"
)

// three is a cluster of three servers, and the connections of the first.
type three struct {
	commands []string
	asked    []string
	others   []registry.SubscriberInfo
}

func (c *three) Members() []Member {
	var out []Member
	for i := range 3 {
		m := Member{
			ID: fmt.Sprint("id", i), IP: fmt.Sprint("10.0.0.", i+1), Port: 8848, State: "UP", Version: "3.1.0", RaftPort: 7848,
			Refreshed: time.UnixMilli(1000), Raft: Raft{Leader: "10.0.0.2:8848", Term: 7, Index: 40, Applied: 39, State: "FOLLOWER",
				Peers: []string{"10.0.0.1:8848", "10.0.0.2:8848", "10.0.0.3:8848"}, LagEntries: uint64(i)},
		}
		if i == 1 {
			m.Raft.State = "LEADER"
		}
		if i == 2 {
			m.State, m.Failures = "DOWN", 4
		}
		out = append(out, m)
	}
	return out
}

func (c *three) Responsible(registry.ClientID) string { return "10.0.0.3:8848" }

func (c *three) Subscribers(_ context.Context, key registry.ServiceKey) []registry.SubscriberInfo {
	c.asked = append(c.asked, key.String())
	return c.others
}

func (c *three) RaftCommand(_ context.Context, command, value string) error {
	if command == "nonsense" {
		return codes.Invalid.With("unknown command nonsense")
	}
	c.commands = append(c.commands, command+" "+value)
	return nil
}

func (c *three) Loads(context.Context) map[string]int {
	return map[string]int{"10.0.0.1:8848": 30, "10.0.0.2:8848": 10}
}

func (c *three) Rebalance(_ context.Context, factor float64) error {
	c.commands = append(c.commands, fmt.Sprint("rebalance ", factor))
	return nil
}

func (c *three) Connections() []grpcapi.Connection {
	return []grpcapi.Connection{{
		ID: "1_10.9.9.9_5000", Since: time.UnixMilli(5), LastActive: time.UnixMilli(9),
		Info: registry.ClientInfo{IP: "10.9.9.9", Port: 5000, Version: "Nacos-Go-Client:v2.3.5", App: "shop", Type: "GRPC", Labels: map[string]string{"source": "sdk"}},
	}}
}

func (c *three) Reload(count int, redirect string) error {
	c.commands = append(c.commands, fmt.Sprint("keep ", count, " ", redirect))
	return nil
}

func (c *three) ReloadOne(id registry.ClientID, redirect string) error {
	if id != "1_10.9.9.9_5000" {
		return fmt.Errorf("%w: connection %s", registry.ErrClientGone, id)
	}
	c.commands = append(c.commands, "move "+string(id)+" "+redirect)
	return nil
}

func clusterDoor(t *testing.T) (*door, *three) {
	c := new(three)
	return newDoor(t, func(o *Options) { o.Cluster, o.Connections = c, c }), c
}

// The members, as all versions show them.
func TestMembers(t *testing.T) {
	d, _ := clusterDoor(t)
	raft := `{"leader":"10.0.0.2:8848","raftGroupMember":["10.0.0.1:8848","10.0.0.2:8848","10.0.0.3:8848"],"term":7}`
	self := `{"ip":"10.0.0.1","port":8848,"state":"UP","address":"10.0.0.1:8848","failAccessCnt":0,"grpcReportEnabled":true,"abilities":{},
		"extendInfo":{"lastRefreshTime":1000,"raftPort":"7848","version":"3.1.0","raftMetaData":{"metaDataMap":{"naming_persistent_service_v2":` + raft + `,
		"naming_service_metadata":` + raft + `,"naming_instance_metadata":` + raft + `}},"raft":{"state":"FOLLOWER","term":7,"index":40,"applied":39,"lag":0,"diskErrors":0}}}`
	third := `{"ip":"10.0.0.3","state":"DOWN","failAccessCnt":4}`
	all := `[` + self + `,{"ip":"10.0.0.2","extendInfo":{"raft":{"state":"LEADER"}}},` + third + `]`
	d.want(200, `{"code":200,"message":null,"data":`+self+`}`, "GET /v1/core/cluster/self", "")
	d.want(200, `{"code":200,"data":`+all+`}`, "GET /v1/core/cluster/nodes", "")
	d.want(200, `{"code":200,"data":["10.0.0.1:8848","10.0.0.2:8848","10.0.0.3:8848"]}`, "GET /v1/core/cluster/simple/nodes", "")
	d.want(200, `{"code":200,"data":"UP"}`, "GET /v1/core/cluster/health", "")
	d.want(200, `{"servers":[{},{},{}]}`, "GET /v1/ns/operator/servers", "")
	for _, base := range []string{"/v2/core/cluster", "/v3/admin/core/cluster"} {
		d.want(200, `{"code":0,"data":`+self+`}`, "GET "+base+"/node/self", "")
		d.want(200, `{"code":0,"data":`+all+`}`, "GET "+base+"/node/list", "")
		d.want(200, `{"code":0,"data":[`+third+`]}`, "GET "+base+"/node/list?state=down", "")
		d.want(200, `{"code":0,"data":[`+third+`]}`, "GET "+base+"/node/list?address=10.0.0.3", "")
		d.want(400, `{"code":23000,"message":"illegal state","data":"Illegal state: nonsense"}`, "GET "+base+"/node/list?state=nonsense", "")
		d.want(200, `{"code":0,"data":"UP"}`, "GET "+base+"/node/self/health", "")
	}
	d.want(200, `{"code":0,"data":`+all+`}`, "GET /v3/console/core/cluster/nodes", "")
	d.want(200, `{"standalone_mode":"cluster"}`, "GET /v1/console/server/state", "")
	d.want(200, `{"standalone_mode":"cluster"}`, "GET /v3/console/server/state", "")
	d.want(200, "10.0.0.1:8848\n10.0.0.2:8848\n10.0.0.3:8848\n", "GET /serverlist", "")
	d.want(200, `{"services":0,"peers":[{"ip":"10.0.0.1:8848","voteFor":"10.0.0.2:8848","term":7,"state":"FOLLOWER"},{"state":"LEADER"},{}]}`, "GET /v1/ns/raft/state", "")
	d.want(200, `{"ip":"10.0.0.1:8848","state":"FOLLOWER"}`, "GET /v1/ns/raft/peer", "")
	d.want(200, `{"code":0,"data":{"responsibleServer":"10.0.0.3:8848"}}`, "GET /v3/admin/ns/client/distro?ip=10.0.0.1&port=80", "")
}

// What operators ask of Raft, as parameters or as a JSON body.
func TestRaftCommands(t *testing.T) {
	d, c := clusterDoor(t)
	const body = `{"groupId":"naming_persistent_service_v2","command":"transferLeader","value":"10.0.0.3:7848"}`
	d.want(200, `{"code":200,"message":null,"data":null}`, "POST /v1/core/ops/raft", body, "Content-Type", "application/json")
	d.want(200, `{"code":200,"message":null,"data":null}`, "POST /v2/core/ops/raft", body, "Content-Type", "application/json")
	d.want(200, `{"code":0,"message":"success","data":null}`, "POST /v3/admin/core/ops/raft", body, "Content-Type", "application/json")
	d.want(200, `{"code":0}`, "POST /v3/admin/core/ops/raft", form("command", "doSnapshot", "value", ""))
	d.want(400, `{"code":20002,"data":"unknown command nonsense"}`, "POST /v3/admin/core/ops/raft?command=nonsense", "")
	d.want(400, `{"code":10000}`, "POST /v3/admin/core/ops/raft", `{"value":"x"}`, "Content-Type", "application/json")
	want := []string{"transferLeader 10.0.0.3:7848", "transferLeader 10.0.0.3:7848", "transferLeader 10.0.0.3:7848", "doSnapshot "}
	if fmt.Sprint(c.commands) != fmt.Sprint(want) {
		t.Fatalf("%q, want %q", c.commands, want)
	}
	d.want(200, `{"code":200,"data":{}}`, "GET /v1/core/ops/idInfo", "")
	d.want(200, `{"code":200,"data":[]}`, "GET /v2/core/ops/ids", "")
	d.want(200, `{"code":0,"data":[]}`, "GET /v3/admin/core/ops/ids", "")
}

// Connections are shown, and asked to move.
func TestLoader(t *testing.T) {
	d, c := clusterDoor(t)
	current := `{"1_10.9.9.9_5000":{"connected":true,"metaInfo":{"connectionId":"1_10.9.9.9_5000","clientIp":"10.9.9.9","remotePort":5000,"version":"Nacos-Go-Client:v2.3.5",
		"appName":"shop","createTime":5,"lastActiveTime":9,"labels":{"source":"sdk"}}}}`
	load := `{"total":40,"max":30,"min":10,"avg":20,"threshold":22,"memberCount":3,"metricsCount":2,"completed":false,
		"detail":[{"address":"10.0.0.1:8848","metric":{"conCount":"30","sdkConCount":"30"}},{"address":"10.0.0.2:8848"}]}`
	d.want(200, current, "GET /v2/core/loader/current", "")
	d.want(200, load, "GET /v2/core/loader/cluster", "")
	d.want(200, "success", "GET /v2/core/loader/reloadCurrent?count=3&redirectAddress=10.0.0.2:8848", "")
	d.want(200, "success", "GET /v2/core/loader/reloadClient?connectionId=1_10.9.9.9_5000", "")
	d.want(200, "Ok", "GET /v2/core/loader/smartReloadCluster?loaderFactor=0.2", "")
	d.want(200, `{"code":0,"data":`+current+`}`, "GET /v3/admin/core/loader/current", "")
	d.want(200, `{"code":0,"data":`+load+`}`, "GET /v3/admin/core/loader/cluster", "")
	d.want(200, `{"code":0}`, "POST /v3/admin/core/loader/reloadCurrent?count=0", "")
	d.want(200, `{"code":0}`, "POST /v3/admin/core/loader/reloadClient?connectionId=1_10.9.9.9_5000&redirectAddress=10.0.0.2:8848", "")
	d.want(200, `{"code":0}`, "POST /v3/admin/core/loader/smartReloadCluster", "")
	want := []string{"keep 3 10.0.0.2:8848", "move 1_10.9.9.9_5000 ", "rebalance 0.2", "keep 0 ", "move 1_10.9.9.9_5000 10.0.0.2:8848", "rebalance 0.1"}
	if fmt.Sprint(c.commands) != fmt.Sprint(want) {
		t.Fatalf("%q, want %q", c.commands, want)
	}
	d.want(400, "caused: Param 'count' is required.;", "GET /v2/core/loader/reloadCurrent", "")
	d.want(400, `{"code":10000,"data":"Required parameter 'count' type Integer is not present"}`, "POST /v3/admin/core/loader/reloadCurrent", "")
	d.want(400, `{"code":20002}`, "POST /v3/admin/core/loader/smartReloadCluster?loaderFactor=x", "")
	if code, got := d.do("POST /v3/admin/core/loader/reloadClient?connectionId=gone", ""); code < 400 {
		t.Fatal(code, got)
	}
}

// A server that is not well says so to all probes, and to nobody else.
func TestProbes(t *testing.T) {
	var ill error
	d := newDoor(t, func(o *Options) { o.Healthy = func() error { return ill } })
	for _, p := range []string{"/v2/console/health", "/v3/console/health", "/v3/admin/core/state"} {
		d.want(200, `{"code":0,"data":"ok"}`, "GET "+p+"/liveness", "")
		d.want(200, `{"code":0,"data":"ok"}`, "GET "+p+"/readiness", "")
	}
	d.want(200, `{"code":200,"data":""}`, "GET /v1/console/server/announcement", "")
	d.want(200, `{"code":0,"data":""}`, "GET /v3/console/server/announcement", "")
	ill = errors.New("behind the leader")
	for _, p := range []string{"/v2/console/health", "/v3/console/health", "/v3/admin/core/state"} {
		d.want(200, `{"code":0,"data":"ok"}`, "GET "+p+"/liveness", "")
		d.want(500, `{"code":30000,"message":"server error","data":"behind the leader"}`, "GET "+p+"/readiness", "")
	}
	d.want(500, "behind the leader", "GET /v1/console/health/readiness", "")
	d.want(503, `{"status":"DOWN"}`, "GET /actuator/health", "")
	d.want(200, `{"hosts":[]}`, "GET /v1/ns/instance/list?serviceName=s", "")
}

// Subscribers are those of all servers, or of the one that is asked.
func TestSubscribersOfAllServers(t *testing.T) {
	d, c := clusterDoor(t)
	key := registry.Key("", "G", "s")
	for _, port := range []int{2, 1} {
		if _, err := d.reg.Subscribe(key, &subscriber{registry.SubscriberInfo{Client: registry.ClientID(fmt.Sprint("a", port)), IP: "10.1.1.1", Port: port, Agent: "Nacos-Go-Client:v2.3.5", App: "shop", Clusters: "C"}}); err != nil {
			t.Fatal(err)
		}
	}
	c.others = []registry.SubscriberInfo{{Client: "b1", IP: "10.2.2.2", Port: 3}}
	d.want(200, `{"count":3,"subscribers":[{"addrStr":"10.1.1.1:1","ip":"10.1.1.1","port":1,"agent":"Nacos-Go-Client:v2.3.5","app":"shop","namespaceId":"public","serviceName":"G@@s","cluster":"C"},
		{"port":2},{"addrStr":"10.2.2.2:3"}]}`, "GET /v1/ns/service/subscribers?serviceName=G@@s&pageNo=1&pageSize=10", "")
	d.want(200, `{"count":2,"subscribers":[{"port":1},{"port":2}]}`, "GET /v1/ns/service/subscribers?serviceName=G@@s&pageNo=1&pageSize=10&aggregation=false", "")
	d.want(200, `{"count":3,"subscribers":[{"port":3}]}`, "GET /v1/ns/service/subscribers?serviceName=G@@s&pageNo=2&pageSize=2", "")
	d.want(200, `{"code":0,"data":{"totalCount":3,"pageNumber":2,"pagesAvailable":2,"pageItems":[{"ip":"10.2.2.2","groupName":"G"}]}}`,
		"GET /v3/admin/ns/service/subscribers?serviceName=s&groupName=G&pageNo=2&pageSize=2", "")
	if len(c.asked) != 3 || c.asked[0] != "public@@G@@s" {
		t.Fatal(c.asked)
	}
}
