// Package protocol is what a driver and whoever drives it say to each other:
// one JSON object per line, requests on the driver's standard input, answers and
// events on its standard output. drivers/README.md says it in words.
package protocol

import "encoding/json"

// A Request asks the driver to do something with its client.
type Request struct {
	ID int64  `json:"id"`
	Op string `json:"op"`

	// connect
	Servers   []string `json:"servers,omitempty"` // HOST:PORT for HTTP; gRPC is at PORT + 1000
	Namespace string   `json:"namespace,omitempty"`
	User      string   `json:"user,omitempty"`
	Password  string   `json:"password,omitempty"`

	// Which service, and which instance of it. An empty group or cluster is the
	// library's own default.
	Service   string            `json:"service,omitempty"`
	Group     string            `json:"group"`
	IP        string            `json:"ip,omitempty"`
	Port      int               `json:"port,omitempty"`
	Cluster   string            `json:"cluster"`
	Weight    float64           `json:"weight"`
	Healthy   bool              `json:"healthy"`
	Enabled   bool              `json:"enabled"`
	Ephemeral bool              `json:"ephemeral"`
	Metadata  map[string]string `json:"metadata,omitempty"`

	// batch and batchDeregister
	Instances []Instance `json:"instances,omitempty"`

	// list, select, selectOne, subscribe, unsubscribe
	Clusters  []string `json:"clusters"`
	Subscribe bool     `json:"subscribe"`

	// services
	Page int `json:"page,omitempty"`
	Size int `json:"size,omitempty"`
}

// A Message is an answer to the request with its ID or, with an Event, what the
// client was told.
type Message struct {
	ID          int64           `json:"id,omitempty"`
	OK          bool            `json:"ok"`
	Unsupported bool            `json:"unsupported,omitempty"` // the library has no such call
	Error       string          `json:"error,omitempty"`
	Result      json.RawMessage `json:"result,omitempty"`

	Event     string     `json:"event,omitempty"` // "changed", or "fuzzy" with a Type
	Type      string     `json:"type,omitempty"`
	Service   string     `json:"service,omitempty"`
	Group     string     `json:"group,omitempty"`
	Instances []Instance `json:"instances,omitzero"`
}

// An Instance is one as the library shows it. Ephemeral is nil where it does
// not.
type Instance struct {
	IP        string            `json:"ip"`
	Port      int               `json:"port"`
	Weight    float64           `json:"weight"`
	Healthy   bool              `json:"healthy"`
	Enabled   bool              `json:"enabled"`
	Ephemeral *bool             `json:"ephemeral,omitempty"`
	Cluster   string            `json:"cluster"`
	Service   string            `json:"service"` // without its group
	Metadata  map[string]string `json:"metadata"`
}

// Hello says which library it is. Generation 1 speaks HTTP, 2 gRPC, and 3 gRPC
// as clients of 3.x do.
type Hello struct {
	Client     string `json:"client"`
	Version    string `json:"version"`
	Language   string `json:"language"`
	Generation int    `json:"generation"`
}

// List is the result of list and of select.
type List struct {
	Instances []Instance `json:"instances"`
}

// One is the result of selectOne; nil if there is none.
type One struct {
	Instance *Instance `json:"instance"`
}

// Services is the result of services: how many there are, and one page of them.
type Services struct {
	Count    int      `json:"count"`
	Services []string `json:"services"`
}

// Status is the result of status.
type Status struct {
	Status string `json:"status"`
}
