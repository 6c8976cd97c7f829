package httpapi

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/musterhq/muster/server/nacos/codes"
	"github.com/musterhq/muster/server/registry"
)

// clusterNames are those that have instances, and those that have settings.
func clusterNames(v *registry.View) []string {
	names := v.Clusters()
	if v.Declaration != nil {
		for n := range v.Declaration.Clusters {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return names
}

func checker(c registry.Checker) object {
	o := object{"type": c.Type}
	switch c.Type {
	case registry.CheckHTTP:
		o["path"], o["headers"], o["expectedResponseCode"] = c.Path, c.Headers, c.ExpectedCode
	case registry.CheckMySQL:
		o["user"], o["pwd"], o["cmd"] = c.User, "", c.Command // a password is not shown
	}
	return o
}

func clusterDetail(v *registry.View, n string) object {
	c := v.Declaration.Cluster(n)
	return object{
		"clusterName": n, "healthChecker": checker(c.Checker), "metadata": metadata(c.Meta),
		"healthyCheckPort": c.CheckPort, "useInstancePortForCheck": c.UseInstancePort, "hosts": nil,
	}
}

// setCluster changes the settings of a cluster.
func (s *Server) setCluster(q *request) (any, error) {
	key, err := q.service()
	if err != nil {
		return nil, err
	}
	name, err := q.required("clusterName")
	if err != nil {
		return nil, err
	}
	port, err := q.required("checkPort")
	if err != nil {
		return nil, err
	}
	use, err := q.required("useInstancePort4Check")
	if err != nil {
		return nil, err
	}
	check, err := q.required("healthChecker")
	if err != nil {
		return nil, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, &registry.InvalidError{Param: "port", Text: "Param 'checkPort' is illegal, the value should be between 0 and 65535."}
	}
	meta, err := parseMetadata(q.text("metadata", ""))
	if err != nil {
		return nil, err
	}
	c := registry.Cluster{CheckPort: uint16(n), UseInstancePort: truth(use, false), Meta: registry.NewMetadata(meta, "")}
	if c.Checker, err = parseChecker(check); err != nil {
		return nil, err
	}
	return "ok", s.reg.SetCluster(q.Context(), key, name, c)
}

func parseChecker(s string) (registry.Checker, error) {
	var in struct {
		Type     string `json:"type"`
		Path     string `json:"path"`
		Headers  string `json:"headers"`
		Expected int    `json:"expectedResponseCode"`
		User     string `json:"user"`
		Password string `json:"pwd"`
		Command  string `json:"cmd"`
	}
	if err := json.Unmarshal([]byte(s), &in); err != nil {
		return registry.Checker{}, codes.Invalid.With("healthChecker: " + err.Error())
	}
	c := registry.Checker{
		Type: strings.ToUpper(in.Type), Path: in.Path, Headers: in.Headers, ExpectedCode: in.Expected,
		User: in.User, Password: in.Password, Command: in.Command,
	}
	if c.Type == registry.CheckHTTP && c.ExpectedCode == 0 {
		c.ExpectedCode = 200
	}
	if c.ExpectedCode < 0 || c.ExpectedCode > 999 {
		return c, codes.Invalid.With("healthChecker: expectedResponseCode")
	}
	return c, nil
}
