package agent

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestRecentKeepsWarningsOnly(t *testing.T) {
	var all bytes.Buffer
	r := new(recent)
	log := slog.New(fanout{slog.NewTextHandler(&all, nil), r.handler()}).With("node", "a").WithGroup("g")
	log.Debug("debug")
	log.Info("info")
	log.Warn("warn", "k", 1)
	log.Error("error")
	got := r.all()
	if len(got) != 2 || !strings.Contains(got[0], "level=WARN msg=warn node=a g.k=1") || !strings.Contains(got[1], "level=ERROR") {
		t.Errorf("recent lines are %q", got)
	}
	if text := all.String(); strings.Contains(text, "debug") || strings.Count(text, "\n") != 3 {
		t.Errorf("the log itself has %q, want info, warn and error", text)
	}
}

func TestRecentIsBounded(t *testing.T) {
	r := new(recent)
	for i := range maxWarnings + 3 {
		if _, err := fmt.Fprintf(r, "%d\n", i); err != nil {
			t.Fatal(err)
		}
	}
	if got := r.all(); len(got) != maxWarnings || got[0] != "3" {
		t.Errorf("kept %d lines from %q on, want %d from 3 on", len(got), got[0], maxWarnings)
	}
}
