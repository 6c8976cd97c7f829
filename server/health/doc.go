// Package health finds out how persistent instances are: by connecting to
// them (TCP), by asking them for a page (HTTP) or as a client of a database
// (MYSQL), as the settings of their cluster say.
//
// One server checks a service, the one that Options.Responsible names; when it
// goes, another begins anew. What it finds is agreed on by all servers, so that
// a change of health costs a write to their log, and no change costs nothing.
//
// An instance is first checked 2 seconds after it appeared, and up to one
// longest interval more, so that what appears together is not checked together.
// It changes after three results in a row that say otherwise. The next check
// follows after an interval that moves, a part of the way each time, towards
// how long the last one took, within bounds. An instance that is found to be
// down for good moves towards the longest interval.
//
// Nothing here is per instance but memory: a wheel holds who is due when, and
// a bounded number of goroutines check what is due. If they cannot keep up all
// intervals stretch alike.
//
// # What a check may do
//
// Whoever may register an instance chooses an address that this server then
// connects to. So a check tells no more than whether it succeeded, follows no
// redirect, goes through no proxy, reads a bounded number of bytes, and does
// not connect to addresses that a name resolves to if they belong to the host
// rather than to the network: see [Options].Deny.
package health
