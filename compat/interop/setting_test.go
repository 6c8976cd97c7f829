package interop

import "encoding/base64"

// setting is how a cluster runs, apart from what happens to it.
type setting struct {
	name     string
	keys     []string // base64, first is primary
	label    string
	profile  string // default lan
	ipv6     bool
	compress compression
}

// compression says which nodes send with LZW; all must read both.
type compression int

const (
	everyone compression = iota
	nobody
	everySecond
)

// Test keys of the three sizes AES has.
var (
	key16 = testKey("0123456789abcdef")
	key24 = testKey("0123456789abcdefghijklmn")
	key32 = testKey("0123456789abcdefghijklmnopqrstuv")
)

func testKey(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

// The settings. The last ones turn several things on at once: what is layered
// on the wire (label, encryption, checksum, compression) must nest rightly.
var (
	plain         = setting{name: "plain"}
	encrypted     = setting{name: "aes256", keys: []string{key32}}
	encrypted128  = setting{name: "aes128", keys: []string{key16}}
	encrypted192  = setting{name: "aes192", keys: []string{key24}}
	labelled      = setting{name: "label", label: "team-a"}
	uncompressed  = setting{name: "no-lzw", compress: nobody}
	mixedLZW      = setting{name: "mixed-lzw", compress: everySecond}
	ipv6          = setting{name: "ipv6", ipv6: true}
	bare          = setting{name: "aes256+no-lzw", keys: []string{key32}, compress: nobody}
	layered       = setting{name: "aes256+label+mixed-lzw", keys: []string{key32}, label: "team-a", compress: everySecond}
	layeredIPv6   = setting{name: "ipv6+aes256+label", keys: []string{key32}, label: "team-a", ipv6: true}
	everySetting  = []setting{plain, encrypted, encrypted128, encrypted192, labelled, uncompressed, mixedLZW, ipv6, bare, layered, layeredIPv6}
	chosenSetting = []setting{plain, layered, layeredIPv6}
)

// local is the setting with memberlist's Local preset, whose shorter timeouts
// make partitions quicker to see.
func (s setting) local() setting {
	s.profile = "local"
	s.name += ",local"
	return s
}

// host is the loopback address that the cluster's nodes share.
func (s setting) host() string {
	if s.ipv6 {
		return "::1"
	}
	return "127.0.0.1"
}

// args are the flags for the node at this place in the cluster.
func (s setting) args(place int) []string {
	profile := "lan"
	if s.profile != "" {
		profile = s.profile
	}
	args := []string{"--api", "127.0.0.1:0", "--profile", profile}
	if s.label != "" {
		args = append(args, "--label", s.label)
	}
	for _, key := range s.keys {
		args = append(args, "--key", key)
	}
	if s.compress == nobody || s.compress == everySecond && place%2 == 1 {
		args = append(args, "--no-compression")
	}
	return args
}
