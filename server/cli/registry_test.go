package cli

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// canned are a server's answers, as a server of three has given them.
var canned = map[string]string{
	"GET /nacos/v3/admin/ns/service/list": `{"code":0,"message":"success","data":{"pageItems":[
		{"clusterCount":1,"groupName":"DEFAULT_GROUP","healthyInstanceCount":2,"ipCount":2,"name":"carts","triggerFlag":"false"},
		{"clusterCount":2,"groupName":"PAY","healthyInstanceCount":0,"ipCount":3,"name":"evil\u001b[2J","triggerFlag":"true"}],
		"pageNumber":1,"pagesAvailable":1,"totalCount":2}}`,
	"GET /nacos/v3/admin/ns/service": `{"code":0,"message":"success","data":{"clusterMap":{"DEFAULT":{"clusterName":"DEFAULT",
		"healthChecker":{"type":"TCP"},"healthyCheckPort":80,"hosts":null,"metadata":{"b":"2","a":"1"},"useInstancePortForCheck":true}},"ephemeral":false,
		"groupName":"DEFAULT_GROUP","metadata":{"owner":"team x"},"namespace":"public","namespaceId":"public","protectThreshold":0.5,
		"selector":{"contextType":"NONE","type":"none"},"serviceName":"orders"}}`,
	"GET /nacos/v3/admin/ns/service/subscribers": `{"code":0,"message":"success","data":{"pageItems":[],"pageNumber":1,"pagesAvailable":7,"totalCount":7}}`,
	"GET /nacos/v3/admin/ns/instance/list": `{"code":0,"message":"success","data":[
		{"instanceId":"x","ip":"10.0.0.5","port":8080,"weight":2.5,"healthy":true,"enabled":true,"ephemeral":false,"clusterName":"DEFAULT","metadata":{"zone":"a"}},
		{"instanceId":"y","ip":"2001:db8::1","port":80,"weight":1.0,"healthy":false,"enabled":false,"ephemeral":false,"clusterName":"eu","metadata":{}}]}`,
	"POST /nacos/v3/admin/ns/instance":        `{"code":0,"message":"success","data":"ok"}`,
	"DELETE /nacos/v3/admin/ns/instance":      `{"code":0,"message":"success","data":"ok"}`,
	"GET /nacos/v3/admin/core/namespace/list": `{"code":0,"message":"success","data":[{"namespace":"","namespaceShowName":"public","namespaceDesc":"Default Namespace","quota":200},{"namespace":"prod","namespaceShowName":"Production","namespaceDesc":"what customers see","quota":200}]}`,
	"GET /nacos/v3/admin/core/namespace":      `{"code":0,"message":"success","data":{"namespace":"prod","namespaceShowName":"prod"}}`,
	"POST /nacos/v3/admin/core/namespace":     `{"code":0,"message":"success","data":true}`,
	"DELETE /nacos/v3/admin/core/namespace":   `{"code":0,"message":"success","data":true}`,
	"POST /nacos/v3/admin/core/ops/raft":      `{"code":0,"message":"success","data":null}`,
	"GET /muster/v1/clients/10.0.0.1:80#true": `{"id":"10.0.0.1:80#true","server":"d5548ff9-d55e-4fda-b14a-ed8c605d7975","kind":"http","services":1,"updated":"2026-11-22T06:44:09Z","published":[{"namespace":"public","group":"DEFAULT_GROUP","service":"carts","instances":1}]}`,
	"GET /muster/v1/members": `[{"id":"4d5b1cbf-0000-4000-8000-000000000001","http":"10.0.0.1:8848","grpc":"10.0.0.1:9848","gossip":"10.0.0.1:7946","raft":"10.0.0.1:7848","state":"alive","ready":true,"version":"v1.0.0","role":"leader","lag":0,"since":"2026-11-22T06:44:09Z","self":true},
		{"id":"a5f66ccb-0000-4000-8000-000000000002","http":"10.0.0.2:8848","grpc":"10.0.0.2:9848","gossip":"10.0.0.2:7946","raft":"10.0.0.2:7848","state":"dead","ready":false,"version":"v1.0.0","role":"voter","lag":12,"reason":"no leader","since":"2026-11-22T06:44:09Z"}]`,
	"GET /muster/v1/raft": `{"cluster":"0b234200ebe94da8ac465925ebdf6d0a","leader":"4d5b1cbf-0000-4000-8000-000000000001","term":3,"commit":17,"applied":17,"snapshot":5,"asked":"4d5b1cbf-0000-4000-8000-000000000001","ready":true,"disk_errors":0,"servers":[
		{"id":"4d5b1cbf-0000-4000-8000-000000000001","addr":"10.0.0.1:7848","http":"10.0.0.1:8848","voter":true,"alive":true,"answered":true,"state":"Leader","term":3,"applied":17,"last":17,"lag":0,"ready":true},
		{"id":"a5f66ccb-0000-4000-8000-000000000002","addr":"10.0.0.2:7848","http":"10.0.0.2:8848","voter":true,"alive":false,"answered":false,"lag":0,"ready":false},
		{"id":"d5548ff9-0000-4000-8000-000000000003","addr":"10.0.0.3:7848","http":"10.0.0.3:8848","voter":false,"alive":true,"answered":true,"state":"Follower","term":3,"applied":9,"last":17,"lag":8,"ready":false,"reason":"this server has no vote yet","disk_error":"no space left"}]}`,
}

// fakeServer answers what is canned, and remembers what it was asked.
func fakeServer(t *testing.T) (addr string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form := r.Form
		if r.Method == http.MethodDelete {
			form = r.URL.Query()
		}
		path, err := url.PathUnescape(r.URL.EscapedPath())
		if err != nil {
			t.Error(err)
		}
		*asked = append(*asked, r.Method+" "+path+" "+form.Encode()+" "+r.Header.Get("accessToken"))
		switch body, ok := canned[r.Method+" "+path]; {
		case path == "/muster/v1/clients" && r.URL.Query().Get("after") == "":
			_, _ = w.Write([]byte(`[{"id":"1795301530684_10.0.0.5_44656","server":"4d5b1cbf-0000-4000-8000-000000000001","kind":"grpc","version":"Nacos-Go-Client:v2.3.5","app":"shop","services":2,"updated":"2026-11-22T06:44:09Z"}]`))
		case path == "/muster/v1/clients":
			_, _ = w.Write([]byte(`[]`))
		case r.Form.Get("serviceName") == "nope":
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte(`{"code":21008,"message":"service not exist","data":"service not found, namespace: public, serviceName: DEFAULT_GROUP@@nope"}`))
		case r.Form.Get("serviceName") == "secret":
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`caused: authorization failed;`))
		case r.Form.Get("serviceName") == "early":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte(`server is STARTING now, please try again later!`))
		case path == "/nacos/v1/auth/users/login":
			_, _ = w.Write([]byte(`{"accessToken":"token-of-` + r.Form.Get("username") + "-" + r.Form.Get("password") + `","tokenTtl":18000}`))
		case !ok:
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"code":20004,"message":"resource not found","data":"no client nobody"}`))
		default:
			_, _ = w.Write([]byte(body))
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), asked
}

func TestRegistryCommands(t *testing.T) {
	addr, asked := fakeServer(t)
	for _, tt := range []struct {
		name string
		args string
		json bool   // also with -o json
		want string // what the server was asked last
	}{
		{"service_list", "service list", true, ""},
		{"service_get", "service get PAY@@orders -n prod", true, "groupName=PAY&namespaceId=prod&pageNo=1&pageSize=1&serviceName=orders"},
		{"instance_list", "instance list orders", true, ""},
		{"instance_register", "instance register orders 10.0.0.5:8080 --weight 2 --meta zone=a --meta v=7", true,
			"clusterName=DEFAULT&enabled=true&ephemeral=false&groupName=DEFAULT_GROUP&healthy=true&ip=10.0.0.5&metadata=%7B%22v%22%3A%227%22%2C%22zone%22%3A%22a%22%7D&namespaceId=public&port=8080&serviceName=orders&weight=2"},
		{"instance_deregister", "instance deregister orders [2001:db8::1]:80 --ephemeral", true,
			"clusterName=DEFAULT&ephemeral=true&groupName=DEFAULT_GROUP&ip=2001%3Adb8%3A%3A1&namespaceId=public&port=80&serviceName=orders"},
		{"namespace_list", "namespace list", true, ""},
		{"namespace_create", "namespace create prod --name Production", true, "namespaceName=Production"},
		{"namespace_delete", "namespace delete prod", true, "namespaceId=prod"},
		{"client_list", "client list", true, ""},
		{"client_get", "client get 10.0.0.1:80#true", true, ""},
		{"member_list", "member list", true, ""},
		{"raft_status", "raft status", true, ""},
		{"raft_transfer", "raft transfer 10.0.0.2:8848", true, "command=transferLeader&value=10.0.0.2%3A8848"},
		{"raft_remove", "raft remove a5f66ccb", true, "command=removePeer&value=a5f66ccb"},
		{"raft_snapshot", "raft snapshot", true, "command=doSnapshot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := append(strings.Fields(tt.args), "--server", addr)
			r := command(t, "", args...)
			if r.code != ExitOK {
				t.Fatalf("ended with %d: %s", r.code, r.err)
			}
			golden(t, tt.name, r.out)
			if last := (*asked)[len(*asked)-1]; !strings.Contains(last, tt.want) {
				t.Errorf("asked %q, want %q", last, tt.want)
			}
			r = command(t, "", append(args, "-o", "json")...)
			if r.code != ExitOK {
				t.Fatalf("ended with %d: %s", r.code, r.err)
			}
			golden(t, tt.name+"_json", r.out)
		})
	}
}

func TestRegistryFailures(t *testing.T) {
	addr, _ := fakeServer(t)
	for _, tt := range []struct {
		args string
		code int
		err  string
	}{
		{"service get nope", ExitNotFound, "service not found"},
		{"client get nobody", ExitNotFound, "no client nobody"},
		{"service get secret", ExitFailed, "authorization failed\nhint: log in"},
		{"service get early", ExitFailed, "server is STARTING now, please try again later!\nhint: the server is not ready"},
		{"service get", ExitUsage, "accepts 1 arg"},
		{"service frob", ExitUsage, `unknown command "frob"`},
		{"instance register orders 10.0.0.5", ExitUsage, "want HOST:PORT"},
		{"instance register orders :80", ExitUsage, "want HOST:PORT"},
		{"instance register orders a:80 --meta x", ExitUsage, "want KEY=VALUE"},
		{"raft remove", ExitUsage, "accepts 1 arg"},
		{"raft recover --data-dir " + t.TempDir(), ExitFailed, "no server has been here"},
		{"raft forget --data-dir " + t.TempDir(), ExitFailed, "no server has been here"},
		{"server --gossip-port 70000", ExitUsage, "not within 1 and 65535"},
		{"server --bootstrap-expect 3", ExitUsage, "knows none of the others"},
		{"server --admin-password-file /nowhere", ExitUsage, "no such file"},
		{"server --grace x", ExitUsage, "invalid argument"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			if args[0] != "server" && args[1] != "frob" && !strings.HasPrefix(tt.args, "raft recover") && !strings.HasPrefix(tt.args, "raft forget") {
				args = append(args, "--server", addr)
			}
			r := command(t, "", args...)
			if r.code != tt.code || !strings.Contains(r.err, tt.err) || r.out != "" {
				t.Errorf("ended with %d, want %d: %q %q", r.code, tt.code, r.err, r.out)
			}
		})
	}
	r := command(t, "", "member", "list", "--server", "127.0.0.1:1")
	if r.code != ExitUnreachable || !strings.Contains(r.err, "hint: start one with \"muster server\"") {
		t.Errorf("nobody there: %d %q", r.code, r.err)
	}
	r = command(t, "", "member", "list", "--server", "ftp://x")
	if r.code != ExitUsage {
		t.Errorf("no such scheme: %d %q", r.code, r.err)
	}
}

func TestRegistryLogin(t *testing.T) {
	addr, asked := fakeServer(t)
	t.Setenv("MUSTER_PASSWORD", "pw")
	if r := command(t, "", "namespace", "list", "--server", "http://"+addr, "--user", "me"); r.code != ExitOK {
		t.Fatal(r.err)
	}
	if last := (*asked)[len(*asked)-1]; !strings.HasSuffix(last, " token-of-me-pw") {
		t.Errorf("asked %q", last)
	}
	t.Setenv("MUSTER_TOKEN", "from-env")
	t.Setenv("MUSTER_SERVER", addr)
	if r := command(t, "", "namespace", "list"); r.code != ExitOK {
		t.Fatal(r.err)
	}
	if last := (*asked)[len(*asked)-1]; !strings.HasSuffix(last, " from-env") {
		t.Errorf("asked %q", last)
	}
}

func TestRegistryHelp(t *testing.T) {
	for _, name := range []string{"server", "service list", "instance register", "raft", "raft recover", "client list"} {
		r := command(t, "", append(strings.Fields(name), "--help")...)
		if r.code != ExitOK || !strings.HasPrefix(r.out, "Examples:") {
			t.Errorf("%s: %d", name, r.code)
		}
		golden(t, "help_"+strings.ReplaceAll(name, " ", "_"), r.out)
	}
}
