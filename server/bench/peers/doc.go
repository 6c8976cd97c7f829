// Package peers starts the systems that are compared, three servers each in
// processes of their own on the loopback interface, and makes clients of them
// that ask for the same: to keep an instance of a service, 299 bytes of JSON,
// to say what is kept, and to forget it.
package peers

import "context"

// A System is some servers that run.
type System interface {
	Name() string
	// PIDs are the servers' processes.
	PIDs() []int
	Close()
}

// An Op does something once. n tells its calls apart, over all clients of a
// load: client i of c has i, i+c, i+2c and so on, from some number on.
type Op func(n uint64) error

// A Client is one connection, to be used by one goroutine.
type Client struct {
	Do    Op
	Undo  Op // takes back what Do has done with the same n; nil: there is nothing to take back
	Close func() error
}

// A Dialer makes client i of a load of so many, at server i modulo theirs.
type Dialer func(ctx context.Context, i, of int) (Client, error)
