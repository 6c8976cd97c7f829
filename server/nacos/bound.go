package nacos

import (
	"net"
	"sync"
)

// Bound returns a listener that holds at most so many connections at a time.
// One more is closed as soon as it is there, so that who asks goes to another
// server at once, instead of waiting here for a place.
func Bound(l net.Listener, most int) net.Listener {
	return &bounded{Listener: l, places: make(chan struct{}, most)}
}

type bounded struct {
	net.Listener
	places chan struct{}
}

// Accept waits for the next connection that has a place.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case b.places <- struct{}{}:
			return &placed{Conn: c, leave: sync.OnceFunc(func() { <-b.places })}, nil
		default:
			_ = c.Close() // nothing was sent; there is nothing to lose
		}
	}
}

type placed struct {
	net.Conn
	leave func()
}

// Close closes the connection, and gives its place to another.
func (p *placed) Close() error {
	defer p.leave()
	return p.Conn.Close()
}
