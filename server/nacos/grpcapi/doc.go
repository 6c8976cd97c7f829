// Package grpcapi is the door for clients of Nacos 2.x and 3.x: requests come
// one by one, and pushes go over one stream per connection.
//
// A client is its connection. What it registers lives as long as that: its end
// is the end of all it has registered, here and, at once, on all other
// servers. So a connection is followed from the transport up, see
// [Server.TagConn].
//
// All messages are one, Payload, which says the name of a type and carries
// JSON. It is written and read here by hand: the type is two fields, it is the
// hot path, and generated code for it cannot live in one program with a client's.
package grpcapi
