package cli

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// parse applies a command line and an environment to agent's flags.
func parse(t *testing.T, env map[string]string, line ...string) (agentFlags, error) {
	t.Helper()
	var f agentFlags
	cmd := &cobra.Command{Use: "agent"}
	f.register(cmd)
	if err := cmd.ParseFlags(line); err != nil {
		t.Fatal(err)
	}
	return f, applyEnv(cmd.Flags(), func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
}

func TestCommandLineOverEnvironmentOverDefault(t *testing.T) {
	f, err := parse(t, map[string]string{
		"MUSTER_NAME":           "from-env",
		"MUSTER_LABEL":          "from-env",
		"MUSTER_JOIN":           "h1:1, h2:2",
		"MUSTER_PROFILE":        "wan",
		"MUSTER_NO_COMPRESSION": "true",
		"MUSTER_META":           "",
		"MUSTER_DEBUG_FAULTS":   "true", // hidden: not in the environment
	}, "--name", "from-line", "--meta", "m")
	if err != nil {
		t.Fatal(err)
	}
	if f.name != "from-line" || f.label != "from-env" || f.meta != "m" {
		t.Errorf("name %q, label %q, meta %q", f.name, f.label, f.meta)
	}
	if strings.Join(f.join, " ") != "h1:1 h2:2" || f.profile.value != "wan" || !f.noCompression || f.debugFaults {
		t.Errorf("join %q, profile %s, no compression %v, faults %v", f.join, f.profile, f.noCompression, f.debugFaults)
	}
	if f.api != "127.0.0.1:7373" || f.logLevel.value != "info" {
		t.Errorf("defaults: api %q, log level %s", f.api, f.logLevel)
	}
	if _, err := parse(t, map[string]string{"MUSTER_PROFILE": "moon"}); err == nil || report(new(bytes.Buffer), err) != ExitUsage {
		t.Errorf("a bad value in the environment: %v, want a usage error", err)
	}
}

func TestConfigFromFlags(t *testing.T) {
	f, err := parse(t, nil, "--name", "n", "--bind", "127.0.0.1:0", "--advertise", "10.0.0.1:7", "--join", "a:1", "--join", "b:2",
		"--label", "l", "--profile", "wan", "--meta", "m", "--no-compression")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := f.config(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Name != "n" || cfg.Bind != "127.0.0.1:0" || cfg.Advertise != "10.0.0.1:7" || strings.Join(cfg.Seeds, " ") != "a:1 b:2" ||
		cfg.Label != "l" || string(cfg.Meta) != "m" || cfg.Compression || cfg.Keyring != nil {
		t.Errorf("configuration is %+v", cfg)
	}
	lan, err := parse(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	base, err := lan.config(slog.Default())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.ProbeInterval <= base.ProbeInterval || !base.Compression {
		t.Errorf("wan probes every %v, lan every %v; compression by default %v", cfg.ProbeInterval, base.ProbeInterval, base.Compression)
	}
}

func TestKeysFromFlagAndFile(t *testing.T) {
	key := func(c byte, n int) ([]byte, string) {
		k := bytes.Repeat([]byte{c}, n)
		return k, base64.StdEncoding.EncodeToString(k)
	}
	first, firstText := key(1, 16)
	second, secondText := key(2, 24)
	third, thirdText := key(3, 32)
	path := filepath.Join(t.TempDir(), "cluster.key")
	if err := os.WriteFile(path, []byte("# keys\n"+secondText+"\n\n  "+thirdText+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := parse(t, map[string]string{"MUSTER_KEY_FILE": path}, "--key", firstText)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cfg, err := f.config(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	keys := cfg.Keyring.Keys()
	if len(keys) != 3 || !bytes.Equal(keys[0], first) || !bytes.Equal(keys[1], second) || !bytes.Equal(keys[2], third) {
		t.Errorf("ring is %x", keys)
	}
	if log.Len() > 0 {
		t.Errorf("a private key file made the log say %s", &log)
	}
	if runtime.GOOS == "windows" {
		return // no such permissions
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := f.config(slog.New(slog.NewTextHandler(&log, nil))); err != nil || !strings.Contains(log.String(), "chmod 600") {
		t.Errorf("a key file others can read: error %v, log %q; want a warning", err, &log)
	}
}

func TestBadKeyFiles(t *testing.T) {
	good := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for content, want := range map[string]string{
		"":                      "holds no key",
		"# nothing\n":           "holds no key",
		good + "\nnot base64\n": "line 2: a key is not base64",
		"YWJj\n":                "line 1: a key has 3 bytes",
	} {
		path := filepath.Join(t.TempDir(), "k")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := readKeyFile(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("key file %q: error %v, want %q", content, err, want)
		}
	}
}

func TestReadyLine(t *testing.T) {
	for _, tt := range []struct{ name, output, want string }{
		{"a", "table", "ready name=a addr=127.0.0.1:1 api=127.0.0.1:2\n"},
		{"with space", "table", `ready name="with space" addr=127.0.0.1:1 api=127.0.0.1:2` + "\n"},
		{"a", "json", `{"name":"a","addr":"127.0.0.1:1","api":"127.0.0.1:2"}` + "\n"},
	} {
		var out bytes.Buffer
		if err := (readyLine{tt.name, "127.0.0.1:1", "127.0.0.1:2"}).print(&out, tt.output); err != nil || out.String() != tt.want {
			t.Errorf("ready line of %q as %s is %q, error %v", tt.name, tt.output, &out, err)
		}
	}
}

func TestLogFormat(t *testing.T) {
	for _, tt := range []struct{ level, format, want string }{
		{"info", "auto", `"msg":"hello"`}, // a buffer is no terminal
		{"info", "json", `"msg":"hello"`},
		{"info", "text", "msg=hello"},
		{"warn", "text", ""},
	} {
		var out bytes.Buffer
		newLogger(&out, tt.level, tt.format, new(slog.LevelVar)).Info("hello")
		if !strings.Contains(out.String(), tt.want) || (tt.want == "") != (out.Len() == 0) {
			t.Errorf("level %s as %s logs %q, want %q", tt.level, tt.format, &out, tt.want)
		}
	}
}
