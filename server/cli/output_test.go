package cli

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestGoldenOutput(t *testing.T) {
	s := newStandIn(t)
	for _, tt := range []struct{ name, line string }{
		{"members", "members"},
		{"members_json", "members -o json"},
		{"members_one", "members db-2"},
		{"members_one_json", "members db-2 -o json"},
		{"events", "events"},
		{"events_json", "events -o json"},
		{"messages", "messages"},
		{"messages_json", "messages --output=json"},
		{"messages_recent", "messages --recent"},
		{"messages_recent_json", "messages --recent -o json"},
		{"stats", "stats"},
		{"stats_json", "stats -o json"},
		{"join", "join 10.0.0.1:7946 10.0.0.2"},
		{"join_json", "join 10.0.0.1:7946 -o json"},
		{"leave", "leave"},
		{"leave_json", "leave -o json"},
		{"key_list", "key list"},
		{"key_list_json", "key list -o json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := command(t, "", append(strings.Fields(tt.line), "--api", s.addr)...)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("muster %s ended with %d, stderr %q", tt.line, got.code, got.err)
			}
			golden(t, tt.name, got.out)
		})
	}
}

func TestGoldenHelp(t *testing.T) {
	for _, name := range []string{"", "agent", "members", "key"} {
		t.Run("help "+name, func(t *testing.T) {
			got := command(t, "", append(strings.Fields(name), "--help")...)
			if got.code != ExitOK || got.err != "" {
				t.Errorf("ended with %d, stderr %q", got.code, got.err)
			}
			if !strings.HasPrefix(got.out, "Examples:\n") || !strings.Contains(got.out, exitHelp) {
				t.Errorf("help does not begin with examples, or lacks the exit codes:\n%s", got.out)
			}
			golden(t, strings.TrimSuffix("help_"+name, "_"), got.out)
		})
	}
	if got := command(t, "", "agent", "--help"); strings.Contains(got.out, "debug-faults") {
		t.Error("the help shows --debug-faults, which is not a stable interface")
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	for _, cmd := range newRoot(Streams{}).Commands() {
		if cmd.Example == "" && cmd.Name() != "completion" && cmd.Name() != "help" {
			t.Errorf("muster %s has no example", cmd.Name())
		}
	}
}

func TestRequests(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 16))
	for _, tt := range []struct {
		args  []string
		stdin string
		want  string
	}{
		{[]string{"meta", "a=1"}, "", `POST /v1/meta {"meta":"a=1"}`},
		{[]string{"meta", ""}, "", `POST /v1/meta {"meta":""}`},
		{[]string{"broadcast", "hello"}, "", `POST /v1/broadcast {"payload":"hello"}`},
		{[]string{"broadcast", "-"}, "\xff", `POST /v1/broadcast {"payload":"","payload_base64":"/w=="}`},
		{[]string{"send", "db-1", "hello"}, "", `POST /v1/send {"to":"db-1","payload":"hello","reliable":true}`},
		{[]string{"send", "db-1", "-", "--packet"}, "in\n", `POST /v1/send {"to":"db-1","payload":"in\n","reliable":false}`},
		{[]string{"join", "h:1", "h:2"}, "", `POST /v1/join {"addrs":["h:1","h:2"]}`},
		{[]string{"key", "add", key}, "", `POST /v1/keys {"op":"add","key":"` + key + `"}`},
		{[]string{"key", "use", "-"}, key + "\n", `POST /v1/keys {"op":"use","key":"` + key + `"}`},
		{[]string{"key", "remove", key}, "", `POST /v1/keys {"op":"remove","key":"` + key + `"}`},
		{[]string{"key", "list"}, "", `POST /v1/keys {"op":"list"}`},
	} {
		s := newStandIn(t)
		got := command(t, tt.stdin, append(tt.args, "--api", s.addr)...)
		if got.code != ExitOK || !slices.Equal(s.asked, []string{tt.want}) {
			t.Errorf("muster %q ended with %d (%s) and asked %q, want %q", tt.args, got.code, got.err, s.asked, tt.want)
		}
	}
}

func TestKeygen(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		got := command(t, "", "keygen")
		key, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(got.out, "\n"))
		if err != nil || len(key) != 32 || seen[got.out] || got.code != ExitOK {
			t.Errorf("keygen printed %q (%d bytes, error %v)", got.out, len(key), err)
		}
		seen[got.out] = true
	}
	var doc struct{ Key []byte }
	if err := json.Unmarshal([]byte(command(t, "", "keygen", "-o", "json").out), &doc); err != nil || len(doc.Key) != 32 {
		t.Errorf("keygen -o json: %d bytes, error %v", len(doc.Key), err)
	}
}

func TestVersion(t *testing.T) {
	if got := command(t, "", "version"); got.code != ExitOK || !strings.HasPrefix(got.out, "muster ") || !strings.Contains(got.out, "memberlist protocol 1-5") {
		t.Errorf("version printed %q, code %d", got.out, got.code)
	}
	var doc map[string]string
	if err := json.Unmarshal([]byte(command(t, "", "version", "-o", "json").out), &doc); err != nil || doc["version"] == "" || doc["go"] == "" {
		t.Errorf("version -o json: %v, error %v", doc, err)
	}
}

func TestCompletionOffersMembers(t *testing.T) {
	s := newStandIn(t)
	for _, name := range []string{"members", "send"} {
		if got := command(t, "", "__complete", name, "--api", s.addr, ""); !strings.Contains(got.out, "db-1\ndb-2\n") {
			t.Errorf("completing muster %s offers %q", name, got.out)
		}
	}
	if got := command(t, "", "__complete", "members", "-o", ""); !strings.Contains(got.out, "table\njson\n") {
		t.Errorf("completing -o offers %q", got.out)
	}
}
