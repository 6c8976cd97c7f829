package record

import "encoding/binary"

// decoder takes values off the front of b. After a fault it yields zeroes.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail()
		return 0
	}
	v := d.b[0]
	d.b = d.b[1:]
	return v
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// counter reads a generation, version or sequence number.
func (d *decoder) counter() uint64 {
	v := d.uvarint()
	if v >= versionMax {
		d.fail()
		return 0
	}
	return v
}

// above reads a counter as its distance from another.
func (d *decoder) above(v uint64) uint64 {
	if v += d.counter(); v >= versionMax {
		d.fail()
		return 0
	}
	return v
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

func (d *decoder) generation() uint64 {
	v := d.uint64()
	if v >= generationMax {
		d.fail()
		return 0
	}
	return v
}

// take returns the next n bytes, which share memory with the message.
func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

// bytes reads a length, which must be within [from, to], and as many bytes.
func (d *decoder) bytes(from, to uint64) []byte {
	n := d.uvarint()
	if n < from || n > to {
		d.fail()
		return nil
	}
	return d.take(n)
}

func (d *decoder) name() []byte { return d.bytes(1, MaxName) }

func appendBytes(b, v []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendName(b []byte, v string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(v))), v...)
}

func appendGeneration(b []byte, gen uint64) []byte { return binary.BigEndian.AppendUint64(b, gen) }
