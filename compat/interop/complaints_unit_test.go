package interop

import "testing"

// TestShapeOf: lines that differ only in who, where and when are of one kind,
// and what went wrong still shows.
func TestShapeOf(t *testing.T) {
	for line, want := range map[string]string{
		"2026/11/22 01:52:44.434336 [ERR] memberlist: Failed fallback TCP ping: timeout 1s: read tcp 127.0.0.1:40112->127.0.0.1:20017: i/o timeout\n": "[ERR] memberlist: Failed fallback TCP ping: timeout N: read tcp ADDR->ADDR: i/o timeout",
		"2026/11/22 01:52:44 [ERR] memberlist: failed to receive: no installed keys could decrypt the message from=[::1]:20003":                       "[ERR] memberlist: failed to receive: no installed keys could decrypt the message from=ADDR",
		"x [WARN] memberlist: Refuting a suspect message (from: s2)":                                                                                  "[WARN] memberlist: Refuting a suspect message (from: NODE)",
		"x [WARN] memberlist: Refuting an alive message for 'm1' (::1:20004) meta:([109 49] VS [51]), vsn:([1 5 2 0 0 0] VS [1 5 2 0 0 0])":           "[WARN] memberlist: Refuting an alive message for 'NODE' (ADDR) meta, vsn",
		`x [ERR] memberlist: discarding stream with unacceptable label "": from=127.0.0.1:1`:                                                          `[ERR] memberlist: discarding stream with unacceptable label "": from=ADDR`,
	} {
		if got := shapeOf(line); got != want {
			t.Errorf("shapeOf(%q)\n got %s\nwant %s", line, got, want)
		}
	}
}
