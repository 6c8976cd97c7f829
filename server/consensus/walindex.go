package consensus

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
)

// readIndex reads n entries of the index of a log file: the offset of each
// entry, four bytes little-endian.
func readIndex(path string, at int64, n int) (index []uint32, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b := make([]byte, 4*n)
	if _, err := io.ReadFull(io.NewSectionReader(f, at, int64(len(b))), b); err != nil {
		return nil, err
	}
	index = make([]uint32, n)
	for i := range index {
		index[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return index, nil
}

// eraseFrom fills a file with zeros from at on, keeping its length, as if
// nothing had been written there.
func eraseFrom(path string, at int64) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at < info.Size() {
		n := min(int64(len(zeros)), info.Size()-at)
		if _, err := f.WriteAt(zeros[:n], at); err != nil {
			return err
		}
		at += n
	}
	return f.Sync()
}
