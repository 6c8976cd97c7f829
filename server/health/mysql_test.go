package health

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/musterhq/muster/server/registry"
)

// database is a server of MySQL as far as checks go: it proves passwords in
// its own way, from what it keeps of them.
type database struct {
	t        *testing.T
	refuse   string // instead of a greeting
	way      string // announced
	account  string // way of the account, "" is the announced
	user     string
	password string
	cached   bool // the account was seen lately
	key      *rsa.PrivateKey
	answer   func(command string) [][]byte

	commands []string
	quit     bool
	done     chan struct{}
}

const testSalt = "abcdefgh01234567890!" // 20 bytes

func (d *database) serve() net.Addr {
	d.done = make(chan struct{}, 10)
	return serve(d.t, func(c net.Conn) {
		defer func() { d.done <- struct{}{} }()
		d.talk(&packets{c: c})
	})
}

// packets are read and written by the server.
type packets struct {
	c   net.Conn
	seq byte
}

func (p *packets) write(b []byte) {
	_, _ = p.c.Write(append([]byte{byte(len(b)), byte(len(b) >> 8), byte(len(b) >> 16), p.seq}, b...))
	p.seq++
}

func (p *packets) read() ([]byte, bool) {
	var h [4]byte
	if _, err := io.ReadFull(p.c, h[:]); err != nil {
		return nil, false
	}
	p.seq = h[3] + 1
	b := make([]byte, int(h[0])|int(h[1])<<8|int(h[2])<<16)
	_, err := io.ReadFull(p.c, b)
	return b, err == nil
}

func errorPacket(code uint16, text string) []byte {
	return append([]byte{0xff, byte(code), byte(code >> 8)}, text...)
}

var okPacket = []byte{0, 0, 0, 2, 0, 0, 0}

// greetingPacket is as MySQL 8 sends it.
func greetingPacket(way string) []byte {
	b := append([]byte{10}, "8.4.0\x00"...)
	b = append(b, 7, 0, 0, 0)
	b = append(b, testSalt[:8]...)
	b = append(b, 0, 0xff, 0xff, 45, 2, 0, 0xff, 0xdf, 21)
	b = append(b, make([]byte, 10)...)
	b = append(b, testSalt[8:]...)
	b = append(b, 0)
	return append(append(b, way...), 0)
}

func (d *database) talk(p *packets) {
	if d.refuse != "" {
		p.write([]byte(d.refuse))
		return
	}
	p.write(greetingPacket(d.way))
	b, ok := p.read()
	if !ok || len(b) < 33 {
		return
	}
	user, rest, _ := bytes.Cut(b[32:], []byte{0})
	n := int(rest[0])
	proof, way := rest[1:1+n], strings.TrimRight(string(rest[1+n:]), "\x00")
	account := d.account
	if account == "" {
		account = d.way
	}
	if way != account {
		p.write(append(append([]byte{0xfe}, account...), "\x00"+testSalt+"\x00"...))
		if proof, ok = p.read(); !ok {
			return
		}
	}
	if string(user) != d.user || !d.proves(p, account, proof) {
		p.write(errorPacket(1045, "#28000Access denied"))
		return
	}
	p.write(okPacket)
	d.obey(p)
}

// proves checks the proof with what a server keeps: the password hashed twice.
func (d *database) proves(p *packets, way string, proof []byte) bool {
	if len(proof) == 0 {
		return d.password == ""
	}
	switch way {
	case "mysql_native_password":
		one := sha1.Sum([]byte(d.password))
		kept := sha1.Sum(one[:])
		mask := sha1.Sum([]byte(testSalt + string(kept[:])))
		for i := range mask {
			mask[i] ^= proof[i]
		}
		return sha1.Sum(mask[:]) == kept
	case "caching_sha2_password":
		one := sha256.Sum256([]byte(d.password))
		kept := sha256.Sum256(one[:])
		mask := sha256.Sum256([]byte(string(kept[:]) + testSalt))
		for i := range mask {
			mask[i] ^= proof[i]
		}
		if d.cached {
			if sha256.Sum256(mask[:]) != kept {
				return false
			}
			p.write([]byte{1, 3})
			return true
		}
		return d.unseals(p)
	}
	return false
}

func (d *database) unseals(p *packets) bool {
	p.write([]byte{1, 4})
	if b, ok := p.read(); !ok || !bytes.Equal(b, []byte{2}) {
		return false
	}
	der, err := x509.MarshalPKIXPublicKey(&d.key.PublicKey)
	if err != nil {
		d.t.Error(err)
	}
	p.write(append([]byte{1}, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})...))
	sealed, ok := p.read()
	if !ok {
		return false
	}
	plain, err := rsa.DecryptOAEP(sha1.New(), nil, d.key, sealed, nil)
	if err != nil {
		return false
	}
	for i := range plain {
		plain[i] ^= testSalt[i%len(testSalt)]
	}
	return string(plain) == d.password+"\x00"
}

func (d *database) obey(p *packets) {
	for {
		b, ok := p.read()
		if !ok {
			return
		}
		switch b[0] {
		case 1:
			d.quit = true
			return
		case 3:
			d.commands = append(d.commands, string(b[1:]))
			for _, a := range d.answer(string(b[1:])) {
				p.write(a)
			}
		}
	}
}

// table is an answer with one row, if it has values.
func table(columns int, row ...string) [][]byte {
	out := [][]byte{{byte(columns)}}
	for range columns {
		out = append(out, []byte("\x03def"))
	}
	end := []byte{0xfe, 0, 0, 2, 0}
	out = append(out, end)
	if row != nil {
		var b []byte
		for _, v := range row {
			b = append(append(b, byte(len(v))), v...)
		}
		out = append(out, b)
	}
	return append(out, end)
}

func (d *database) check(user, password, command string) error {
	d.t.Helper()
	c := registry.Checker{Type: registry.CheckMySQL, User: user, Password: password, Command: command}
	err := NewProbes(DefaultDeny()).Probe(d.t.Context(), targetAt(d.t, d.serve(), c))
	select {
	case <-d.done:
	case <-time.After(10 * time.Second):
		d.t.Fatal("the connection is not closed")
	}
	return err
}

func TestMySQLLogsIn(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	native, sha2 := "mysql_native_password", "caching_sha2_password"
	for name, d := range map[string]database{
		"native":                    {way: native},
		"sha2, seen lately":         {way: sha2, cached: true},
		"sha2":                      {way: sha2, key: key},
		"native, but sha2":          {way: native, account: sha2, key: key},
		"sha2, but native":          {way: sha2, account: native},
		"unknown, but native":       {way: "auth_socket", account: native},
		"unknown, but sha2, lately": {way: "parsec", account: sha2, cached: true},
	} {
		d.t, d.user, d.password = t, "ann", "swordfish"
		if err := d.check("ann", "swordfish", ""); err != nil || !d.quit {
			t.Errorf("%s: %v, goodbye %v", name, err, d.quit)
		}
		for _, bad := range []string{"other", ""} {
			var e *serverError
			if err := d.check("ann", bad, ""); !errors.As(err, &e) || e.code != 1045 {
				t.Errorf("%s with the password %q: %v", name, bad, err)
			}
		}
		if err := d.check("", "", ""); err != nil {
			t.Errorf("%s, as nobody: %v", name, err)
		}
	}
	open := database{t: t, way: native, user: "ann"}
	must(t, open.check("ann", "", ""))
	for name, d := range map[string]database{
		"a way that is not supported": {way: "auth_socket", account: "auth_socket"},
		"in the clear":                {way: native, account: "mysql_clear_password"},
	} {
		d.t, d.user, d.password = t, "ann", "swordfish"
		if err := d.check("ann", "swordfish", ""); err == nil || !strings.Contains(err.Error(), "not supported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := database{t: t, way: native, user: "ann"}
	if err := d.check("ann\x00x", "", ""); err == nil {
		t.Error("a user with a zero byte")
	}
}

// Known answers, so that client and server here do not err alike.
func TestScrambles(t *testing.T) {
	salt := []byte{10, 47, 74, 111, 75, 73, 34, 48, 88, 76, 114, 74, 37, 13, 3, 80, 82, 2, 23, 21}
	for password, want := range map[string]string{
		"secret":  "f490e76f66d9d86665ce54d98c78d0acfe2fb0b08b423da807144873d30b312c",
		"secret2": "abc3934a012cf342e876071c8ee202de51785b430258a7a0138bc79c4d800bc6",
	} {
		got, err := scramble(waySHA2, salt, password)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%q: %x, %v", password, got, err)
		}
	}
}

func TestMySQLThatTakesNobody(t *testing.T) {
	for _, e := range []struct {
		code uint16
		ok   bool
	}{{1045, true}, {1698, true}, {3159, true}, {1040, false}, {1053, false}, {1129, false}} {
		addr := serve(t, func(c net.Conn) {
			p := &packets{c: c}
			p.write(greetingPacket("mysql_native_password"))
			if _, ok := p.read(); ok {
				p.write(errorPacket(e.code, "#HY000no"))
			}
		})
		err := NewProbes(nil).Probe(t.Context(), targetAt(t, addr, registry.Checker{Type: registry.CheckMySQL}))
		if (err == nil) != e.ok {
			t.Errorf("error %d: %v", e.code, err)
		}
	}
	for _, refuse := range []string{
		string(errorPacket(1040, "Too many connections")), string(errorPacket(1129, "Host is blocked")), "\xff", "\x09old", "\x0a", "\x0a8.0\x00", "HTTP/1.1 400 Bad Request",
	} {
		d := database{t: t, refuse: refuse}
		if err := d.check("", "", ""); err == nil {
			t.Errorf("greeted with %q: no error", refuse)
		}
	}
}

func TestMySQLCommands(t *testing.T) {
	const master = "SHOW GLOBAL VARIABLES where variable_name='read_only' "
	for name, tt := range map[string]struct {
		command string
		answer  [][]byte
		ok      bool
	}{
		"done":              {"do 1", [][]byte{okPacket}, true},
		"a table":           {"select 1", table(1, "1"), true},
		"an empty table":    {"select 1", table(1), true},
		"an error":          {"select x", [][]byte{errorPacket(1054, "#42S22Unknown column")}, false},
		"an error later":    {"select x", append(table(1)[:3:3], errorPacket(1317, "#70100interrupted")), false},
		"a master":          {master, table(2, "read_only", "OFF"), true},
		"a slave":           {master, table(2, "read_only", "ON"), false},
		"no slave, but on":  {"select 'read_only','ON'", table(2, "read_only", "ON"), true},
		"a file is wanted":  {"load data", [][]byte{[]byte("\xfb/etc/passwd")}, false},
		"a row of nothing":  {"select 1", append(table(2)[:4:4], []byte{5}), false},
		"a row with a NULL": {"select null", append(table(1)[:3:3], []byte{0xfb}), true},
		"too many columns":  {"select", [][]byte{{0xfc, 0xff, 0xff}}, false},
	} {
		d := database{t: t, way: "mysql_native_password", user: "ann", answer: func(string) [][]byte { return tt.answer }}
		if err := d.check("ann", "", tt.command); (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if len(d.commands) != 1 || d.commands[0] != tt.command {
			t.Errorf("%s: commands %q", name, d.commands)
		}
	}
}

func TestMySQLThatNeverEnds(t *testing.T) {
	for name, answer := range map[string][]byte{
		"known":  {1, 3},
		"switch": []byte("\xfemysql_native_password\x00" + testSalt + "\x00"),
		"huge":   bytes.Repeat([]byte{1}, maxPacket+1),
	} {
		addr := serve(t, func(c net.Conn) {
			p := &packets{c: c}
			p.write(greetingPacket("caching_sha2_password"))
			if _, ok := p.read(); !ok {
				return
			}
			for range 1000 {
				p.write(answer)
				if name == "switch" {
					if _, ok := p.read(); !ok {
						return
					}
				}
			}
		})
		c := registry.Checker{Type: registry.CheckMySQL, User: "ann", Password: "pw"}
		if err := NewProbes(nil).Probe(t.Context(), targetAt(t, addr, c)); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMySQLPacketsAreChecked(t *testing.T) {
	for name, answer := range map[string]string{
		"a length of 16 MB": "\xff\xff\xff\x02",
		"no length":         "\x00\x00\x00\x02",
		"out of turn":       "\x07\x00\x00\x03" + string(okPacket),
	} {
		addr := serve(t, func(c net.Conn) {
			p := &packets{c: c}
			p.write(greetingPacket("mysql_native_password"))
			if _, ok := p.read(); ok {
				_, _ = io.WriteString(c, answer)
				_, _ = p.read()
			}
		})
		if err := NewProbes(nil).Probe(t.Context(), targetAt(t, addr, registry.Checker{Type: registry.CheckMySQL})); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// scripted is a connection whose other side says what it is to say, whatever
// it is told.
type scripted struct {
	net.Conn
	in *bytes.Reader
}

func (s *scripted) Read(b []byte) (int, error)  { return s.in.Read(b) }
func (s *scripted) Write(b []byte) (int, error) { return len(b), nil }

func FuzzMySQL(f *testing.F) {
	frame := func(seq byte, all ...[]byte) (out []byte) {
		for _, b := range all {
			out = append(append(out, byte(len(b)), byte(len(b)>>8), 0, seq), b...)
			seq++
		}
		return out
	}
	for _, way := range []string{"mysql_native_password", "caching_sha2_password"} {
		hi := frame(0, greetingPacket(way))
		f.Add(append(hi[:len(hi):len(hi)], append(frame(2, okPacket), frame(1, table(2, "read_only", "ON")...)...)...))
		f.Add(append(hi[:len(hi):len(hi)], frame(2, []byte{1, 4})...))
		f.Add(append(hi[:len(hi):len(hi)], frame(2, []byte("\xfe"+way+"\x00"+testSalt+"\x00"))...))
		f.Add(append(hi[:len(hi):len(hi)], frame(2, errorPacket(1045, "#28000no"))...))
	}
	f.Add(frame(0, errorPacket(1040, "Too many connections")))
	pub, err := hex.DecodeString("2d2d2d2d2d424547494e205055424c4943204b45592d2d2d2d2d0a")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(frame(0, greetingPacket("caching_sha2_password")), frame(2, append([]byte{1}, pub...))...))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, c := range []registry.Checker{{}, {User: "ann", Password: "pw", Command: isMasterQuery}} {
			if err := talk(&scripted{in: bytes.NewReader(b)}, &c); err == nil && len(b) < 40 {
				t.Errorf("%q is a greeting and a success", b)
			}
		}
	})
}
