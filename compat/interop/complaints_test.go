package interop

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// complaints collects the kinds of warnings and errors that memberlist
// processes printed: in control runs, where they are normal, and in mixed
// runs, where every kind must be one of those.
//
// They are compared by trouble, not by scenario: which of the lines normal for
// a dead peer appears in a given run is a matter of timing.
type complaints struct {
	mu     sync.Mutex
	normal map[trouble]map[string]bool
	mixed  []complaint
}

// trouble names what is done to a cluster, as far as it makes memberlist
// complain.
type trouble string

const (
	calm      trouble = "calm"      // nodes come, talk, and leave politely
	absence   trouble = "absence"   // nodes die, freeze, restart, are cut off
	rekeying  trouble = "rekeying"  // keys change
	intrusion trouble = "intrusion" // strangers knock
	namesakes trouble = "namesakes" // two nodes claim one name
)

// complaint is one kind of line, with an example of it.
type complaint struct {
	run     string
	trouble trouble
	shape   string
	example string
}

var logged = complaints{normal: map[trouble]map[string]bool{}}

// collect reads the logs of the memberlist processes of a cluster and of its
// guests.
func (l *complaints) collect(run string, tr trouble, c *cluster) {
	for _, g := range c.guests {
		l.collect(run, tr, g)
	}
	for _, n := range c.nodes {
		if n.process == nil || n.kind == muster {
			continue
		}
		log, err := os.ReadFile(n.logPath)
		if err != nil {
			c.t.Errorf("log of %s: %v", n.name, err)
			continue
		}
		for line := range strings.Lines(string(log)) {
			if complains(line) {
				l.add(complaint{run: run + " " + n.name, trouble: tr, shape: shapeOf(line), example: strings.TrimSpace(line)}, c.control)
			}
		}
	}
}

// complains tells a warning or an error from other lines, except those that a
// process prints because it has closed its own socket, on its way out.
func complains(line string) bool {
	if strings.Contains(line, "use of closed network connection") {
		return false
	}
	return strings.Contains(line, "[WARN]") || strings.Contains(line, "[ERR]") || strings.Contains(line, "[ERROR]")
}

func (l *complaints) add(one complaint, control bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if control {
		if l.normal[one.trouble] == nil {
			l.normal[one.trouble] = map[string]bool{}
		}
		l.normal[one.trouble][one.shape] = true
		return
	}
	same := func(c complaint) bool { return c.trouble == one.trouble && c.shape == one.shape }
	if !slices.ContainsFunc(l.mixed, same) {
		l.mixed = append(l.mixed, one)
	}
}

// abnormal are the kinds of lines of mixed runs that no control has printed.
func (l *complaints) abnormal() []complaint {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []complaint
	for _, c := range l.mixed {
		if !l.normal[c.trouble][c.shape] {
			found = append(found, c)
		}
	}
	return found
}

// normalShapes lists what the controls printed, for a reader to judge.
func (l *complaints) normalShapes() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for tr, shapes := range l.normal {
		for shape := range shapes {
			lines = append(lines, string(tr)+": "+shape)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// What differs between two lines of the same kind.
var variable = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`^.*?(\[(?:WARN|ERR|ERROR)\])`), "$1"},     // time
	{regexp.MustCompile(`meta:\(.*?\), vsn:\(.*?\)`), "meta, vsn"}, // byte lists
	{regexp.MustCompile(`\[[0-9a-f:]*\]:\d+|\b\d+\.\d+\.\d+\.\d+(:\d+)?|::1(:\d+)?`), "ADDR"},
	{regexp.MustCompile(`\b[mso]\d+\b`), "NODE"},
	{regexp.MustCompile(`checksum for UDP packet: .*`), "checksum"},
	{regexp.MustCompile(`\b0x[0-9a-f]+\b|\b\d+(\.\d+)?(ns|µs|ms|s)?\b`), "N"},
}

// shapeOf reduces a log line to its kind.
func shapeOf(line string) string {
	for _, v := range variable {
		line = v.pattern.ReplaceAllString(line, v.as)
	}
	return strings.TrimSpace(line)
}
