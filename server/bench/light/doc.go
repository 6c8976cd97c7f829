// Package light has clients that cost little: what calls a server over gRPC or
// HTTP shares the machine with it, and a full client's own work would be
// measured in place of the server's. The same client asks every system that
// speaks the protocol, so none is favoured.
//
// A connection is used by one goroutine at a time and holds no other: it reads
// while it waits for an answer, or while [GRPC.Serve] runs.
package light
