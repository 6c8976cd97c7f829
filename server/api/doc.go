// Package api is the small HTTP interface between a running agent and whoever
// asks it something: the commands of package cli, the interop harness, a
// script with curl. It holds the JSON shapes, which are a promise, and a
// Client that speaks them; the handlers are in package agent.
//
// Every answer is JSON. A list is an array, a stream is one JSON object per
// line (NDJSON), and anything but 200 carries an Error.
package api

// DefaultAddr is where an agent listens, and where the commands look for one,
// unless told otherwise.
const DefaultAddr = "127.0.0.1:7373"
