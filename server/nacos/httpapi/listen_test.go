package httpapi

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// One who listens to configuration is held until shortly before it would give
// up, holds up nobody else, and is let go when it goes away.
func TestListeningIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDoor(t, func(o *Options) { o.MaxInFlight, o.MaxWaiting = 1, 2 })
		const listen = "POST /v1/cs/configs/listener"
		body := form("Listening-Configs", "a\x02b\x02c\x01")
		begin := time.Now()
		done := make(chan time.Duration, 2)
		for range 2 {
			go func() {
				if code, got := d.do(listen, body, "Long-Pulling-Timeout", "30000"); code != 200 || got != "" {
					t.Errorf("%d %q", code, got)
				}
				done <- time.Since(begin)
			}()
		}
		synctest.Wait()
		d.want(200, `{"status":"UP"}`, "GET /v1/ns/operator/metrics", "") // there is one place, and it is free
		if n := d.api.bodies.Load(); n != 0 {
			t.Errorf("%d bytes are held for those who wait", n)
		}
		d.want(503, "server is overloaded, please try again later!", listen, body, "Long-Pulling-Timeout", "30000")
		for range 2 {
			if took := <-done; took != 29500*time.Millisecond {
				t.Errorf("held for %v", took)
			}
		}
		begin = time.Now()
		d.want(200, "", listen, body, "Long-Pulling-Timeout", "30000", "Long-Pulling-Timeout-No-Hangup", "true")
		d.want(200, "", listen, body)
		d.want(200, "", listen, body, "Long-Pulling-Timeout", "nonsense")
		if took := time.Since(begin); took != 0 {
			t.Errorf("not to be held, and held for %v", took)
		}
		d.want(200, "", listen, body, "Long-Pulling-Timeout", "3600000")
		if took := time.Since(begin); took != 29500*time.Millisecond {
			t.Errorf("patience of an hour: held for %v", took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", "/nacos/v1/cs/configs/listener", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Long-Pulling-Timeout", "30000")
		begin = time.Now()
		time.AfterFunc(time.Second, cancel)
		d.api.ServeHTTP(discard{}, r)
		if took := time.Since(begin); took != time.Second {
			t.Errorf("the caller has gone, and is held for %v", took)
		}
	})
}

// discard is an http.ResponseWriter of one who has gone.
type discard struct{}

func (discard) Header() http.Header { return http.Header{} }

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func (discard) WriteHeader(int) {}
