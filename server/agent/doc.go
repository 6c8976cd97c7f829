// Package agent is a member of the cluster as a process: a muster.Node and
// the HTTP API of package api in front of it.
//
//	a, err := agent.Start(agent.Options{Config: cfg, API: "127.0.0.1:7373"})
//	...
//	err = a.Wait(ctx) // until ctx ends or somebody asked it to leave
//
// The API carries no authentication. It is meant for the loopback interface,
// where it refuses what a web page in a browser of the same machine could send
// (see guard.go); binding it elsewhere is the operator's decision, and logged
// as a warning.
package agent
