package health

import (
	"fmt"
	"strings"
)

// Commands of the protocol.
const (
	commandQuit  = 1
	commandQuery = 3
)

// isMasterQuery is the command by which Nacos' users tell a master from its
// slaves: what it answers counts, not only that it is answered.
const isMasterQuery = "show global variables where variable_name='read_only'"

// command sends a command and looks at how the answer begins.
func (s *mysqlConn) command(text string) error {
	s.seq = 0
	if err := s.write(append([]byte{commandQuery}, text...)); err != nil {
		return err
	}
	b, err := s.read()
	switch {
	case err != nil:
		return err
	case b[0] == packetError:
		return failure(b)
	case b[0] == packetOK:
		return nil
	case b[0] == packetFile:
		return fmt.Errorf("%w: the server asks for a file", errProtocol)
	case b[0] > 0xfa:
		return fmt.Errorf("%w: %#x", errProtocol, b[0])
	}
	row, err := s.firstRow(int(b[0]))
	if err != nil {
		return err
	}
	if strings.EqualFold(strings.TrimSpace(text), isMasterQuery) && len(row) == 2 && strings.EqualFold(row[1], "ON") {
		return fmt.Errorf("it is read-only, a slave")
	}
	return nil
}

// firstRow reads a table as far as its first row, nil if it has none.
func (s *mysqlConn) firstRow(columns int) ([]string, error) {
	for range columns + 1 { // what the columns are, and an end
		if _, err := s.packet(); err != nil {
			return nil, err
		}
	}
	b, err := s.packet()
	if err != nil || b[0] == packetEnd && len(b) < 9 {
		return nil, err
	}
	c := &cut{b: b}
	row := make([]string, columns)
	for i := range row {
		row[i], _ = c.counted() // NULL is ""
	}
	if c.bad {
		return nil, fmt.Errorf("%w: row", errProtocol)
	}
	return row, nil
}

func (s *mysqlConn) packet() ([]byte, error) {
	b, err := s.read()
	if err == nil && b[0] == packetError {
		err = failure(b)
	}
	return b, err
}

// quit says goodbye, so that the server logs no aborted connection.
func (s *mysqlConn) quit() error {
	s.seq = 0
	return s.write([]byte{commandQuit})
}
