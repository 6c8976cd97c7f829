// Package oracle has only tests: it holds package wire against the library
// memberlist encodes with, hashicorp/go-msgpack. For random messages both must
// write the same bytes, and each must read what the other wrote, also in the
// forms that memberlist never writes but has always read.
package oracle
