package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/musterhq/muster/server/e2e/proc"
)

// startTime is how long servers may take to be ready: far more than they need.
const startTime = 60 * time.Second

// The first user of a guarded site, and the password it is given.
const (
	adminUser     = "nacos"
	adminPassword = "conformance-7f3a"
)

// A Site is one server or a cluster, and beside it the same once more that asks
// clients for a token.
type Site struct {
	Size    int
	Open    *proc.Cluster
	Guarded *proc.Cluster
}

func newSite(ctx context.Context, binary, dir string, size int) (*Site, error) {
	s := &Site{Size: size}
	var err error
	if s.Open, err = proc.NewCluster(binary, filepath.Join(dir, "open"), size, nil); err != nil {
		return nil, err
	}
	if s.Guarded, err = proc.NewCluster(binary, filepath.Join(dir, "guarded"), size, nil); err != nil {
		return nil, err
	}
	s.Guarded.Flags("--auth", "--admin-password", adminPassword)
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := errors.Join(s.Open.Start(ctx), s.Guarded.Start(ctx)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close kills all servers.
func (s *Site) Close() {
	s.Open.Close()
	s.Guarded.Close()
}

// addresses is what clients of those servers are given.
func addresses(servers []*proc.Server) []string {
	var out []string
	for _, s := range servers {
		out = append(out, s.IP+":"+strconv.Itoa(s.HTTP))
	}
	return out
}

// operate sends an operator's request, which must succeed.
func operate(ctx context.Context, s *proc.Server, method, path string, query url.Values) error {
	body, status, err := s.Do(ctx, method, path+"?"+query.Encode())
	if err == nil && (status != http.StatusOK || body == "false") {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	if err != nil {
		return fmt.Errorf("%s %s of %s: %w", method, path, s.Name, err)
	}
	return nil
}

func (p Place) query() url.Values {
	q := url.Values{"serviceName": {p.Service}}
	if p.Group != "" {
		q.Set("groupName", p.Group)
	}
	return q
}

// get asks a server for JSON, without any library.
func get(ctx context.Context, s *proc.Server, path string, query url.Values, into any) error {
	body, status, err := s.Get(ctx, path+"?"+query.Encode())
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("status %d: %s", status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		return fmt.Errorf("%w: %s", err, body)
	}
	return nil
}

// hosts asks a server for the instances of a service.
func hosts(ctx context.Context, s *proc.Server, p Place) ([]Instance, error) {
	var list struct {
		Hosts []struct {
			Instance
			ClusterName string
		}
	}
	if err := get(ctx, s, "/nacos/v1/ns/instance/list", p.query(), &list); err != nil {
		return nil, err
	}
	var out []Instance
	for _, h := range list.Hosts {
		out = append(out, in(h.Instance, h.ClusterName))
	}
	return out, nil
}
