package cli

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	s := newStandIn(t)
	nobody := unusedAddr(t)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		code, body := http.StatusConflict, `{"error":"no","hint":"ask nicely"}`
		if r.URL.Path == "/v1/send" {
			code, body = http.StatusNotFound, `{"error":"no such member"}`
		}
		w.WriteHeader(code)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(refusing.Close)
	dying := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(dying.Close)
	no, die := refusing.Listener.Addr().String(), dying.Listener.Addr().String()
	secret := "c2VjcmV0c2VjcmV0" // 12 bytes: not a key

	for _, tt := range []struct {
		line string
		code int
		says string // on standard error, which also has a hint
	}{
		{"membres", ExitUsage, `did you mean "member"?`},
		{"frobnicate", ExitUsage, `unknown command "frobnicate"`},
		{"key frobnicate", ExitUsage, `unknown command "frobnicate"`},
		{"members --bogus", ExitUsage, "unknown flag: --bogus"},
		{"members -o yaml", ExitUsage, "want one of table, json"},
		{"members --api nonsense", ExitUsage, "want HOST:PORT"},
		{"leave now", ExitUsage, `unexpected argument "now"`},
		{"meta", ExitUsage, "accepts 1 arg"},
		{"join", ExitUsage, "requires at least 1 arg"},
		{"agent --profile moon", ExitUsage, "want one of lan, wan, local"},
		{"agent --key " + secret, ExitUsage, "a key has 12 bytes"},
		{"agent --key-file /does/not/exist", ExitUsage, "key file"},
		{"agent --bind nonsense:x", ExitUsage, "nonsense:x"},
		{"agent --meta " + strings.Repeat("x", 1<<20+1), ExitUsage, "1048576"},
		{"key add " + secret, ExitUsage, "a key has 12 bytes"},

		{"members nobody db-1 --api " + s.addr, ExitNotFound, `no member named "nobody"`},
		{"send x y --api " + no, ExitNotFound, "no such member"},
		{"meta x --api " + no, ExitFailed, "ask nicely"},
		{"agent --bind 127.0.0.1:0 --api " + s.addr, ExitFailed, "already in use"},
		{"agent --api 127.0.0.1:0 --bind " + s.addr, ExitFailed, "already in use"},

		{"members --api " + nobody, ExitUnreachable, "no agent answers at " + nobody},
		{"events --api " + nobody, ExitUnreachable, "no agent answers"},
		{"leave --api " + nobody, ExitUnreachable, "no agent answers"},
		{"events --api " + die, ExitUnreachable, "broke off"},
		{"messages --api " + die, ExitUnreachable, "broke off"},
	} {
		t.Run(tt.line[:min(len(tt.line), 40)], func(t *testing.T) {
			got := command(t, "", strings.Fields(tt.line)...)
			if got.code != tt.code || !strings.Contains(got.err, tt.says) {
				t.Errorf("ended with %d and %q; want %d and %q", got.code, got.err, tt.code, tt.says)
			}
			lines := strings.Split(strings.TrimSuffix(got.err, "\n"), "\n")
			if !regexp.MustCompile(`^muster: [^A-Z]`).MatchString(lines[0]) || len(lines) > 2 {
				t.Errorf("want one lower-case line and a hint, got %q", got.err)
			}
			if len(lines) == 2 != strings.Contains(got.err, "\nhint: ") {
				t.Errorf("the second line is no hint: %q", got.err)
			}
			if strings.Contains(got.err, secret) {
				t.Errorf("the error repeats a key: %q", got.err)
			}
		})
	}
}

func TestFoundMembersArePrintedThoughOneIsMissing(t *testing.T) {
	s := newStandIn(t)
	got := command(t, "", "members", "nobody", "db-1", "--api", s.addr)
	if !strings.Contains(got.out, "db-1") || strings.Contains(got.out, "db-2") {
		t.Errorf("printed %q, want db-1 only", got.out)
	}
}

func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"Address in use":       "address in use",
		"UDP is off":           "UDP is off",
		"a":                    "a",
		"":                     "",
		"first\nSecond\nthird": "first; Second; third",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
	joined := errors.Join(errors.New("one"), errors.New("two"))
	if got := oneLine(joined.Error()); got != "one; two" {
		t.Errorf("joined errors became %q", got)
	}
}

// unusedAddr is an address where nobody listens.
func unusedAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}
