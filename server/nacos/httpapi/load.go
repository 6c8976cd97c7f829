package httpapi

import (
	"os"
	"strconv"
	"strings"
)

type load struct{ cpu, average, memory float64 }

// machineLoad reads how busy the machine is, as far as it says. What it does
// not say is -1, as in Nacos.
func machineLoad() load {
	l := load{-1, -1, -1}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		if first, _, ok := strings.Cut(string(b), " "); ok {
			if f, err := strconv.ParseFloat(first, 64); err == nil {
				l.average = f
			}
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		total, available := memField(string(b), "MemTotal:"), memField(string(b), "MemAvailable:")
		if total > 0 {
			l.memory = 1 - available/total
		}
	}
	return l
}

func memField(s, name string) float64 {
	_, rest, ok := strings.Cut(s, name)
	if !ok {
		return 0
	}
	f := strings.Fields(rest)
	if len(f) == 0 {
		return 0
	}
	n, err := strconv.ParseFloat(f[0], 64)
	if err != nil {
		return 0
	}
	return n
}
