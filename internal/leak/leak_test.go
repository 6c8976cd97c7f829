package leak

import (
	"strings"
	"testing"
	"time"
)

func TestLeft(t *testing.T) {
	if left := Left(grace); len(left) > 0 {
		t.Fatalf("left before anything was started: %v", left)
	}
	stop := make(chan struct{})
	go forgotten(stop)
	left := Left(50 * time.Millisecond)
	if len(left) != 1 || !strings.Contains(left[0], "leak.forgotten") {
		t.Errorf("want the one that was started, have %v", left)
	}
	go func() {
		time.Sleep(20 * time.Millisecond) // is ending, and gets its time
		close(stop)
	}()
	if left := Left(grace); len(left) > 0 {
		t.Errorf("ended, but found: %v", left)
	}
}

func forgotten(stop chan struct{}) { <-stop }
