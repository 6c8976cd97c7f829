package ephemeral

import (
	"bytes"
	"strings"
	"testing"

	"github.com/musterhq/muster/record"
	"github.com/musterhq/muster/server/registry"
)

func TestKeys(t *testing.T) {
	for _, k := range []publicationKey{
		{"1795301530684_127.0.0.1_44656", registry.Key("", "", "demo"), 0},
		{"10.0.0.1:80#true", registry.Key("ns", "G", "a.b"), 3},
		{registry.ClientID(strings.Repeat("c", 140)), registry.Key(strings.Repeat("n", 64), strings.Repeat("g", 128), strings.Repeat("s", 512)), maxParts - 1},
	} {
		key := appendKey(nil, k.client, k.service, k.part)
		if len(key) > record.MaxKey {
			t.Errorf("key of %d bytes", len(key))
		}
		back, err := decodeKey(key)
		if err != nil || back != k {
			t.Errorf("%+v became %+v, %v", k, back, err)
		}
	}
	for _, bad := range []string{"", "x", "p", "p\x00", "p\x00\x00", "p\x00\x01c", "p\x00\x01c\x00", "p\x80\x00\x01c\x00\x00s", "p\x00\x05c\x00\x00s", "p\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02\x01c\x00\x00s"} {
		if k, err := decodeKey(bad); err == nil {
			t.Errorf("%q is %+v", bad, k)
		}
	}
}

func TestValues(t *testing.T) {
	for _, v := range []value{{life: 1, parts: 1, data: []byte("x")}, {life: 1 << 40, parts: 7, write: 9, data: []byte("yz")}} {
		b := append(appendHeader(nil, v.life, v.parts, v.write), v.data...)
		back, err := decodeValue(b)
		if err != nil || back.life != v.life || back.parts != v.parts || back.write != v.write || !bytes.Equal(back.data, v.data) {
			t.Errorf("%+v became %+v, %v", v, back, err)
		}
	}
	for _, bad := range []string{"", "\x02\x01\x01", "\x01", "\x01\x01", "\x01\x01\x00", "\x01\x01\xff\xff\x7f", "\x01\x01\x02"} {
		if v, err := decodeValue([]byte(bad)); err == nil {
			t.Errorf("%q is %+v", bad, v)
		}
	}
}

// FuzzRecord feeds what a peer could say. What decodes is as it would have been
// written.
func FuzzRecord(f *testing.F) {
	f.Add(appendKey(nil, "1_2_3", registry.Key("n", "g", "s"), 2), append(appendHeader(nil, 5, 2, 7), "data"...))
	f.Add("p\x00\x01c\x00\x00s", []byte("\x01\x01\x01"))
	f.Fuzz(func(t *testing.T, key string, b []byte) {
		if k, err := decodeKey(key); err == nil {
			// A name that is the default is never written.
			again, err := decodeKey(appendKey(nil, k.client, k.service, k.part))
			if err != nil || again != k {
				t.Errorf("%q: %+v became %+v, %v", key, k, again, err)
			}
		}
		if v, err := decodeValue(b); err == nil {
			again, err := decodeValue(append(appendHeader(nil, v.life, v.parts, v.write), v.data...))
			if err != nil || again.life != v.life || again.parts != v.parts || again.write != v.write || !bytes.Equal(again.data, v.data) {
				t.Errorf("%x: %+v became %+v, %v", b, v, again, err)
			}
		}
	})
}
