package admin

import "time"

// Member is one server of the cluster.
type Member struct {
	ID      string    `json:"id"`
	HTTP    string    `json:"http"` // HOST:PORT, as all here
	GRPC    string    `json:"grpc"`
	Gossip  string    `json:"gossip"`
	Raft    string    `json:"raft"`
	State   string    `json:"state"` // alive, suspect, dead, left
	Ready   bool      `json:"ready"`
	Leaving bool      `json:"leaving,omitempty"`
	Version string    `json:"version,omitempty"`
	Role    string    `json:"role,omitempty"` // in Raft: leader, voter, nonvoter; "" if it has none
	Lag     uint64    `json:"lag"`            // entries of Raft's log that it lacks
	Reason  string    `json:"reason,omitempty"`
	Disk    string    `json:"disk_error,omitempty"`
	Since   time.Time `json:"since"` // of its state
	Self    bool      `json:"self,omitempty"`
}

// Server is one server of Raft's configuration.
type Server struct {
	ID       string `json:"id"`
	Addr     string `json:"addr"`
	HTTP     string `json:"http,omitempty"`
	Voter    bool   `json:"voter"`
	Alive    bool   `json:"alive"`
	Answered bool   `json:"answered"`
	State    string `json:"state,omitempty"`
	Term     uint64 `json:"term,omitempty"`
	Applied  uint64 `json:"applied,omitempty"`
	Last     uint64 `json:"last,omitempty"`
	Lag      uint64 `json:"lag"`
	Ready    bool   `json:"ready"`
	Reason   string `json:"reason,omitempty"`
	Disk     string `json:"disk_error,omitempty"`
}

// Raft is the state of what the servers agree on.
type Raft struct {
	Cluster    string   `json:"cluster,omitempty"`
	Leader     string   `json:"leader,omitempty"` // id
	Term       uint64   `json:"term"`
	Commit     uint64   `json:"commit"`
	Applied    uint64   `json:"applied"`
	Snapshot   uint64   `json:"snapshot"`
	Asked      string   `json:"asked"` // id of the server whose words these are
	Ready      bool     `json:"ready"`
	Reason     string   `json:"reason,omitempty"`
	DiskErrors uint64   `json:"disk_errors"`
	Servers    []Server `json:"servers"`
}

// Registrant is a client of the registry: it has registered something, or has a
// connection.
type Registrant struct {
	ID        string            `json:"id"`
	Server    string            `json:"server,omitempty"` // that holds it; "" for persistent instances
	Kind      string            `json:"kind"`             // grpc, http, persistent
	Version   string            `json:"version,omitempty"`
	App       string            `json:"app,omitempty"`
	IP        string            `json:"ip,omitempty"`
	Port      int               `json:"port,omitempty"`
	Services  int               `json:"services"`
	Updated   time.Time         `json:"updated,omitzero"`
	Labels    map[string]string `json:"labels,omitempty"`
	Published []Published       `json:"published,omitempty"` // of one client that was asked for
}

// Published is what a client has registered in one service.
type Published struct {
	Namespace string `json:"namespace"`
	Group     string `json:"group"`
	Service   string `json:"service"`
	Instances int    `json:"instances"`
}

// Service is one in a list.
type Service struct {
	Namespace string `json:"namespace"`
	Group     string `json:"group"`
	Name      string `json:"name"`
	Clusters  int    `json:"clusters"`
	Instances int    `json:"instances"`
	Healthy   int    `json:"healthy"`
	Protected bool   `json:"protected"` // so few are healthy that all are listed
}

// ServiceDetail is one service.
type ServiceDetail struct {
	Namespace        string            `json:"namespace"`
	Group            string            `json:"group"`
	Name             string            `json:"name"`
	Ephemeral        bool              `json:"ephemeral"`
	ProtectThreshold float64           `json:"protect_threshold"`
	Metadata         map[string]string `json:"metadata"`
	Selector         string            `json:"selector"`
	Clusters         []ServiceCluster  `json:"clusters"`
	Subscribers      int               `json:"subscribers"`
}

// ServiceCluster is one cluster of a service.
type ServiceCluster struct {
	Name     string            `json:"name"`
	Checker  string            `json:"checker"`
	Metadata map[string]string `json:"metadata"`
}

// Instance is one place where a service is to be had.
type Instance struct {
	IP        string            `json:"ip"`
	Port      int               `json:"port"`
	Cluster   string            `json:"cluster"`
	Weight    float64           `json:"weight"`
	Healthy   bool              `json:"healthy"`
	Enabled   bool              `json:"enabled"`
	Ephemeral bool              `json:"ephemeral"`
	Metadata  map[string]string `json:"metadata"`
}

// Namespace is one namespace.
type Namespace struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
}
