// Package app is the server: it makes all the other packages one process, and
// is the only one that knows them all.
//
//	s, err := app.New(app.Options{DataDir: "data"})
//	err = s.Run(ctx) // until ctx ends, then it leaves
//
// A server is its data directory. There it keeps who it is, a random UUID that
// is also its name among the members, and what the servers have agreed on. All
// else it learns from the others: they find it, or it them, by gossip, each
// says in its metadata at which ports it is to be had ([info]), and Raft's
// configuration follows.
//
// The way of a request: a door (packages under nacos) translates it for the
// registry. What concerns an HTTP client goes to the server that a hash of the
// client's address names, [router]. What clients register stays on the server
// that holds them and is spread by package ephemeral, and all else goes through
// package consensus. What changes is told to subscribers by package push.
//
// A server is ready when its copy of Raft's log is as new as the leader's and it
// has seen what its peers know of clients; see [Server.Ready].
package app
