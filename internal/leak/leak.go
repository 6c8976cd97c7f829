// Package leak finds goroutines that a test left behind.
//
//	func TestMain(m *testing.M) { leak.Main(m) }
//
// Tests that run in parallel share the process, so that a goroutine cannot be
// laid to one of them while the others run: Main looks when all are over.
package leak

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// module begins the names of the functions that are looked for.
const module = "github.com/musterhq/muster"

// grace is how long what is ending may take to end.
const grace = 5 * time.Second

// Main runs the tests, then fails if a goroutine of this module is left.
func Main(m *testing.M) {
	code := m.Run()
	if code == 0 {
		if left := Left(grace); len(left) > 0 {
			fmt.Fprintf(os.Stderr, "leak: %d goroutines are left after all tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
			code = 1
		}
	}
	os.Exit(code)
}

// Left waits for all goroutines of this module to end, other than the calling
// one, and returns the stacks of those that have not within the time given.
func Left(within time.Duration) []string {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		left := running()
		if len(left) == 0 || time.Since(begin) > within {
			return left
		}
	}
}

// running returns the stacks of all other goroutines with a function of this
// module in them, be it only as the one that started them.
func running() []string {
	var left []string
	for i, stack := range strings.Split(stacks(), "\n\n") {
		if i > 0 && strings.Contains(stack, module) { // the first is this one
			left = append(left, strings.TrimSpace(stack))
		}
	}
	return left
}

func stacks() string {
	for size := 1 << 20; ; size *= 2 {
		b := make([]byte, size)
		if n := runtime.Stack(b, true); n < size {
			return string(b[:n])
		}
	}
}
