package wire

import (
	"encoding/hex"
	"math"
	"net/netip"
	"strings"
	"testing"
)

// TestAppendForms pins where go-msgpack changes from one form to the next; the
// oracle in compat has it from the source.
func TestAppendForms(t *testing.T) {
	u := func(v uint64) []byte { return appendUint(nil, v) }
	i := func(v int) []byte { return appendInt(nil, v) }
	h := func(n int) []byte { return appendRawHeader(nil, n) }
	a := func(s string) []byte { return appendAddr(nil, netip.MustParseAddr(s)) }
	v := func(v Versions) []byte { return appendVersions(nil, &v) }
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{u(0), "00"}, {u(127), "7f"}, {u(128), "cc80"}, {u(255), "ccff"}, {u(256), "cd0100"}, {u(65535), "cdffff"},
		{u(65536), "ce00010000"}, {u(math.MaxUint32), "ceffffffff"}, {u(1 << 32), "cf0000000100000000"},
		{i(-1), "00"}, {i(127), "7f"}, {i(128), "d10080"}, {i(32767), "d17fff"}, {i(32768), "d200008000"},
		{i(math.MaxInt32), "d27fffffff"},
		{h(0), "a0"}, {h(31), "bf"}, {h(32), "da0020"}, {h(65535), "daffff"}, {h(65536), "db00010000"},
		{appendBytes(nil, nil), "c0"}, {appendBytes(nil, []byte{}), "a0"}, {appendBytes(nil, []byte{1}), "a101"},
		{appendAddr(nil, netip.Addr{}), "c0"}, {a("1.2.3.4"), "a401020304"}, {a("::ffff:1.2.3.4"), "a401020304"},
		{a("::1"), "b0" + strings.Repeat("00", 15) + "01"},
		{v(Versions{}), "c0"}, {v(Versions{1, 5, 2, 0, 0, 0}), "a6010502000000"},
	} {
		if got := hex.EncodeToString(c.got); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
