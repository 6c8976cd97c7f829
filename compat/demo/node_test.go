package main

import (
	"bufio"
	"strings"
	"testing"
)

func TestReadReady(t *testing.T) {
	for _, tt := range []struct {
		line      string
		addr, api string // empty: an error
	}{
		{"ready name=a addr=127.0.0.1:1 api=127.0.0.1:2\nmore\n", "127.0.0.1:1", "127.0.0.1:2"},
		{"ready name=a addr=127.0.0.1:1\n", "", ""},
		{"muster: address in use\n", "", ""},
		{"", "", ""},
	} {
		n := new(node)
		err := n.readReady(bufio.NewScanner(strings.NewReader(tt.line)))
		if (err != nil) != (tt.addr == "") || err == nil && (n.addr != tt.addr || n.api != tt.api) {
			t.Errorf("%q: addr %q, api %q, error %v", tt.line, n.addr, n.api, err)
		}
	}
}
