package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Kind is a kind of fault, or of an ordinary thing that a member does in the
// middle of faults.
type Kind uint8

// The kinds. "Targets" are the nodes named; none means all of them.
const (
	Crash     Kind = iota // the process dies; after For it starts again, with nothing remembered
	Leave                 // it leaves gracefully and stops; after For it starts again
	Pause                 // it is stopped for For: packets queue up, then it gets all at once
	Hold                  // Lifeguard's anomaly: timers run, but nothing comes in or goes out for For
	Jump                  // its clock jumps ahead by Param ms
	Part                  // the targets are cut off from the others
	Cut                   // nothing gets from the first target to the second
	NoRoute               // sends from the first target to the second fail at once
	Loss                  // Param percent of the packets from and to the targets are lost
	Burst                 // the same, but all packets of Param percent of the time are lost
	Dup                   // Param percent arrive twice
	Reorder               // Param percent are overtaken
	Delay                 // everything from and to the targets takes Param ms longer
	MTU                   // packets of more than Param bytes are lost
	Corrupt               // Param percent arrive truncated, or as noise
	Flip                  // Param percent arrive with a few bits flipped; nothing else is promised then
	Refuse                // streams from and to the targets are refused; packets pass
	Blackhole             // streams from and to the targets time out; packets pass
	NoUDP                 // packets from and to the targets are lost; streams pass
	Meta                  // the targets announce new metadata
	Say                   // the targets broadcast a message
	kinds
)

// How a crash goes: Param of Crash.
const (
	CrashMove   = 1 << iota // it starts again at another address
	CrashSilent             // its machine is gone too: streams to it time out
	CrashSwap               // the targets start again at each other's addresses
)

// unit says what a kind's Param is.
type unit uint8

const (
	unitNone unit = iota
	unitPercent
	unitMs
	unitBytes
	unitCrash
)

var kindInfo = [kinds]struct {
	name string
	unit unit
}{
	Crash: {"crash", unitCrash}, Leave: {"leave", unitNone}, Pause: {"pause", unitNone}, Hold: {"hold", unitNone},
	Jump: {"jump", unitMs}, Part: {"part", unitNone}, Cut: {"cut", unitNone}, NoRoute: {"noroute", unitNone},
	Loss: {"loss", unitPercent}, Burst: {"burst", unitPercent}, Dup: {"dup", unitPercent}, Reorder: {"reorder", unitPercent},
	Delay: {"delay", unitMs}, MTU: {"mtu", unitBytes}, Corrupt: {"corrupt", unitPercent}, Flip: {"flip", unitPercent},
	Refuse: {"refuse", unitNone}, Blackhole: {"blackhole", unitNone}, NoUDP: {"noudp", unitNone},
	Meta: {"meta", unitNone}, Say: {"say", unitNone},
}

// String returns the kind's name in a schedule.
func (k Kind) String() string {
	if k < kinds {
		return kindInfo[k].name
	}
	return "kind(" + strconv.Itoa(int(k)) + ")"
}

// directed tells whether the two targets of a kind are a from and a to.
func (k Kind) directed() bool { return k == Cut || k == NoRoute }

// Fault is one thing that goes wrong.
type Fault struct {
	At      time.Duration
	Kind    Kind
	Targets []int
	For     time.Duration // zero: for good
	Param   int
}

// End is when the fault is over; for good ones that is when they begin.
func (f Fault) End() time.Duration { return f.At + f.For }

// String writes the fault as a line of a schedule, such as
//
//	12.5s crash b for 8s move
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v ", f.At, f.Kind)
	sep := ","
	if f.Kind.directed() {
		sep = ">"
	}
	if len(f.Targets) == 0 {
		b.WriteByte('*')
	}
	for i, t := range f.Targets {
		if i > 0 {
			b.WriteString(sep)
		}
		b.WriteString(Name(t))
	}
	if f.For > 0 {
		fmt.Fprintf(&b, " for %v", f.For)
	}
	switch kindInfo[f.Kind].unit {
	case unitPercent:
		fmt.Fprintf(&b, " %d%%", f.Param)
	case unitMs:
		fmt.Fprintf(&b, " %v", time.Duration(f.Param)*time.Millisecond)
	case unitBytes:
		fmt.Fprintf(&b, " %dB", f.Param)
	case unitCrash:
		if f.Param&CrashMove != 0 {
			b.WriteString(" move")
		}
		if f.Param&CrashSilent != 0 {
			b.WriteString(" silent")
		}
		if f.Param&CrashSwap != 0 {
			b.WriteString(" swap")
		}
	}
	return b.String()
}

// Schedule is what goes wrong in a run, by time.
type Schedule []Fault

// String writes one fault a line; ParseSchedule reads it back.
func (s Schedule) String() string {
	var b strings.Builder
	for _, f := range s {
		b.WriteString(f.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// End is when the last fault is over.
func (s Schedule) End() time.Duration {
	var end time.Duration
	for _, f := range s {
		end = max(end, f.End())
	}
	return end
}

func (s Schedule) sort() {
	slices.SortStableFunc(s, func(a, b Fault) int { return cmp.Compare(a.At, b.At) })
}

// Has tells whether a fault of the kind is in the schedule.
func (s Schedule) Has(k Kind) bool {
	return slices.ContainsFunc(s, func(f Fault) bool { return f.Kind == k })
}

// Name is the name of node i: a letter, then n26, n27 and so on.
func Name(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return "n" + strconv.Itoa(i)
}

// Index is the node of a name, -1 when there is none.
func Index(name string) int {
	if len(name) == 1 && name[0] >= 'a' && name[0] <= 'z' {
		return int(name[0] - 'a')
	}
	if i, err := strconv.Atoi(strings.TrimPrefix(name, "n")); err == nil && i >= 26 && Name(i) == name {
		return i
	}
	return -1
}
