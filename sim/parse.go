package sim

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrSchedule is wrapped by every fault of a schedule's text.
var ErrSchedule = errors.New("invalid schedule")

// ParseSchedule reads what Schedule.String writes. Empty lines and comments
// are skipped.
func ParseSchedule(text string) (Schedule, error) {
	var s Schedule
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		f, err := parseFault(strings.Fields(line))
		if err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrSchedule, n, err)
		}
		s = append(s, f)
	}
	s.sort()
	return s, nil
}

func parseFault(words []string) (Fault, error) {
	var f Fault
	if len(words) < 3 {
		return f, errors.New("want a time, a kind and targets")
	}
	at, err := time.ParseDuration(words[0])
	if err != nil {
		return f, err
	}
	f.At, f.Kind = at, kinds
	for k := range kinds {
		if kindInfo[k].name == words[1] {
			f.Kind = k
		}
	}
	if f.Kind == kinds {
		return f, fmt.Errorf("no kind is called %q", words[1])
	}
	if f.Targets, err = parseTargets(f.Kind, words[2]); err != nil {
		return f, err
	}
	words = words[3:]
	if len(words) >= 2 && words[0] == "for" {
		if f.For, err = time.ParseDuration(words[1]); err != nil {
			return f, err
		}
		words = words[2:]
	}
	if f.At < 0 || f.For < 0 {
		return f, errors.New("a time is negative")
	}
	f.Param, err = parseParam(f.Kind, words)
	return f, err
}

func parseTargets(k Kind, text string) ([]int, error) {
	if text == "*" {
		if k.directed() {
			return nil, fmt.Errorf("%v needs two targets, from>to", k)
		}
		return nil, nil
	}
	sep := ","
	if k.directed() {
		sep = ">"
	}
	var targets []int
	for name := range strings.SplitSeq(text, sep) {
		i := Index(name)
		if i < 0 || slices.Contains(targets, i) {
			return nil, fmt.Errorf("%q is not a list of nodes", text)
		}
		targets = append(targets, i)
	}
	if k.directed() && len(targets) != 2 {
		return nil, fmt.Errorf("%v needs two targets, from>to", k)
	}
	return targets, nil
}

func parseParam(k Kind, words []string) (int, error) {
	u := kindInfo[k].unit
	if u == unitCrash {
		p := 0
		for _, w := range words {
			switch w {
			case "move":
				p |= CrashMove
			case "silent":
				p |= CrashSilent
			case "swap":
				p |= CrashSwap
			default:
				return 0, fmt.Errorf("a crash has no %q", w)
			}
		}
		return p, nil
	}
	if u == unitNone {
		if len(words) > 0 {
			return 0, fmt.Errorf("unexpected %q", words[0])
		}
		return 0, nil
	}
	if len(words) != 1 {
		return 0, fmt.Errorf("%v wants one parameter", k)
	}
	switch u {
	case unitPercent:
		n, err := strconv.Atoi(strings.TrimSuffix(words[0], "%"))
		if err == nil && (n < 0 || n > 100) {
			err = fmt.Errorf("%d%% is not within [0%%, 100%%]", n)
		}
		return n, err
	case unitBytes:
		return strconv.Atoi(strings.TrimSuffix(words[0], "B"))
	default:
		d, err := time.ParseDuration(words[0])
		return int(d / time.Millisecond), err
	}
}
