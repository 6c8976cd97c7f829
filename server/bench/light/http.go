package light

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// HTTP is one connection to a server that speaks HTTP/1.1.
type HTTP struct {
	nc  net.Conn
	in  *bufio.Reader
	buf []byte
}

// DialHTTP connects to HOST:PORT.
func DialHTTP(ctx context.Context, addr string) (*HTTP, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &HTTP{nc: nc, in: bufio.NewReaderSize(nc, 4<<10)}, nil
}

// Close ends the connection.
func (c *HTTP) Close() error { return c.nc.Close() }

// Do makes a request and returns the body of its answer. One whose status is
// not 200 is an error. A form may be empty.
func (c *HTTP) Do(method, path string, form []byte) ([]byte, error) {
	if err := c.nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	b := append(c.buf[:0], method...)
	b = append(b, ' ')
	b = append(b, path...)
	b = append(b, " HTTP/1.1\r\nHost: bench\r\n"...)
	if method != http.MethodGet {
		b = append(b, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(len(form)), 10)
		b = append(b, "\r\n"...)
	}
	b = append(b, "\r\n"...)
	b = append(b, form...)
	c.buf = b
	if _, err := c.nc.Write(b); err != nil {
		return nil, err
	}
	r, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err = errors.Join(err, r.Body.Close()); err == nil && r.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, r.Status, body)
	}
	return body, err
}
