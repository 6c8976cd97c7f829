package main

import (
	"errors"
	"fmt"
	"time"
)

// How a case ends.
const (
	ok           = "ok"
	failed       = "FAILED"
	notInLibrary = "not in library"
)

// A result is how one scenario ended for one client at one site.
type result struct {
	Scenario string        `json:"scenario"`
	Client   string        `json:"client"`
	Servers  int           `json:"servers"`
	Outcome  string        `json:"outcome"`
	Why      string        `json:"why,omitempty"`
	Took     time.Duration `json:"nanoseconds"`
}

func (c *Case) result(err error, began time.Time) result {
	r := result{Scenario: c.scenario, Client: c.Driver.Name(), Servers: c.Site.Size, Outcome: ok, Took: time.Since(began)}
	if err != nil {
		r.Outcome, r.Why = failed, err.Error()
	}
	if errors.Is(err, errUnsupported) {
		r.Outcome = notInLibrary
	}
	return r
}

func (r result) String() string {
	text := fmt.Sprintf("%d  %-12s %-12s %5.1fs  %s", r.Servers, r.Client, r.Scenario, r.Took.Seconds(), r.Outcome)
	if r.Why != "" {
		text += ": " + r.Why
	}
	return text
}
