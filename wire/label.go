package wire

import (
	"bufio"
	"fmt"
	"io"
)

// MaxLabel is the longest label: its length is a byte.
const MaxLabel = 255

// appendLabel writes the label header, nothing when there is no label.
func appendLabel(b []byte, label string) []byte {
	if label == "" {
		return b
	}
	return append(append(b, byte(TypeLabel), byte(len(label))), label...)
}

// splitLabel separates a packet's label from the rest. There is no such thing
// as an empty label with a header.
func splitLabel(b []byte) (label, rest []byte, err error) {
	if len(b) == 0 || Type(b[0]) != TypeLabel {
		return nil, b, nil
	}
	if len(b) < 2 {
		return nil, nil, fmt.Errorf("label: %w", ErrTruncated)
	}
	n := int(b[1])
	if n == 0 {
		return nil, nil, fmt.Errorf("empty label: %w", ErrMalformed)
	}
	if len(b) < 2+n {
		return nil, nil, fmt.Errorf("label: %w", ErrTruncated)
	}
	return b[2 : 2+n], b[2+n:], nil
}

// checkLabel decides whether what arrived under label is for us. With
// SkipInboundLabelCheck something in front of us has taken the label off
// already, and a second one is not tolerated.
func (c *Codec) checkLabel(label []byte) error {
	want := c.Label
	if c.SkipInboundLabelCheck {
		want = ""
	}
	if string(label) != want {
		return fmt.Errorf("%w: got %q, want %q", ErrLabel, label, want)
	}
	return nil
}

// AppendLabelHeader writes what the dialer of a stream sends first: the label,
// or nothing at all without one. The acceptor's answers carry none.
func (c *Codec) AppendLabelHeader(dst []byte) []byte {
	return appendLabel(dst, c.Label)
}

// ReadLabel reads what AppendLabelHeader wrote and checks it. The acceptor of
// a stream calls it once, before the first ReadStreamMessage. A stream that
// ends before its first byte gives io.EOF: somebody only looked at the port.
func (c *Codec) ReadLabel(r *bufio.Reader) error {
	first, err := r.ReadByte()
	if err != nil {
		return err
	}
	if Type(first) != TypeLabel {
		if err := r.UnreadByte(); err != nil {
			return err
		}
		return c.checkLabel(nil)
	}
	n, err := r.ReadByte()
	if err != nil {
		return unexpected(err)
	}
	if n == 0 {
		return fmt.Errorf("empty label: %w", ErrMalformed)
	}
	label := make([]byte, n)
	if _, err := io.ReadFull(r, label); err != nil {
		return unexpected(err)
	}
	return c.checkLabel(label)
}

// unexpected turns the end of a stream inside a message into the error that
// says so.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
