package shape

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// A Scanner reads the JSON of requests, of which there are tens of thousands in
// a second: forward, once, and without reflection. Like Jackson it takes a
// number or a truth value that is in quotes, and null for what was left out.
type Scanner struct {
	b     []byte
	i     int
	depth int
	err   error
}

// ErrJSON wraps what is wrong with the JSON of a request.
var ErrJSON = errors.New("invalid JSON")

// maxDepth bounds how deep values may be nested.
const maxDepth = 100

// Scan reads an object. It calls field with each name; field reads the value
// with one of the methods of the scanner, or leaves it to be skipped.
func Scan(b []byte, field func(s *Scanner, name []byte)) error {
	s := &Scanner{b: b}
	s.Object(field)
	s.space()
	if s.err == nil && s.i < len(s.b) {
		s.fail("more than one value")
	}
	return s.err
}

func (s *Scanner) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("%w: %s at byte %d", ErrJSON, what, s.i)
	}
	s.i = len(s.b)
}

func (s *Scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek returns the next byte that is no space, zero at the end.
func (s *Scanner) peek() byte {
	s.space()
	if s.i == len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// take takes a byte that must come next.
func (s *Scanner) take(c byte) bool {
	if s.peek() != c {
		s.fail("no " + string(c))
		return false
	}
	s.i++
	return true
}

// literal takes a word, if it comes next.
func (s *Scanner) literal(word string) bool {
	if s.i+len(word) <= len(s.b) && string(s.b[s.i:s.i+len(word)]) == word {
		s.i += len(word)
		return true
	}
	return false
}

// null takes a null, if it comes next.
func (s *Scanner) null() bool { return s.peek() == 'n' && s.literal("null") }

// Object reads an object, or null.
func (s *Scanner) Object(field func(s *Scanner, name []byte)) {
	if s.null() || !s.enter('{') {
		return
	}
	defer func() { s.depth-- }()
	for first := true; s.err == nil; first = false {
		if s.peek() == '}' && first {
			s.i++
			return
		}
		if !first && !s.next('}') {
			return
		}
		s.space()
		name := s.raw()
		if !s.take(':') {
			return
		}
		s.space()
		at := s.i
		field(s, name)
		if s.i == at && s.err == nil {
			s.Skip()
		}
	}
}

// Array reads an array, or null. It calls element for each; element must read it.
func (s *Scanner) Array(element func(s *Scanner)) {
	if s.null() || !s.enter('[') {
		return
	}
	defer func() { s.depth-- }()
	for first := true; s.err == nil; first = false {
		if s.peek() == ']' && first {
			s.i++
			return
		}
		if !first && !s.next(']') {
			return
		}
		s.space()
		element(s)
	}
}

func (s *Scanner) enter(c byte) bool {
	if !s.take(c) {
		return false
	}
	if s.depth++; s.depth > maxDepth {
		s.fail("nested too deep")
	}
	return true
}

// next takes a comma and reports that more follows, or takes the end.
func (s *Scanner) next(end byte) bool {
	switch s.peek() {
	case ',':
		s.i++
		return true
	case end:
		s.i++
	default:
		s.fail("no comma")
	}
	return false
}

// Text reads a string, or the text of a number or a truth value.
func (s *Scanner) Text(to *string) {
	if s.null() {
		return
	}
	if s.peek() == '"' {
		*to = string(s.raw())
		return
	}
	start := s.i
	s.Skip()
	if s.err == nil {
		*to = string(s.b[start:s.i])
	}
}

// raw reads a string. Without escapes it is a part of what is read.
func (s *Scanner) raw() []byte {
	if !s.take('"') {
		return nil
	}
	start := s.i
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[start : s.i-1]
		case c == '\\' || c >= utf8.RuneSelf:
			return s.hard(start)
		case c < ' ':
			s.fail("control character")
			return nil
		}
	}
	s.fail("no end of a string")
	return nil
}

// hard reads a string that is not plain ASCII. It is left to encoding/json.
func (s *Scanner) hard(start int) []byte {
	for s.i < len(s.b) && s.b[s.i] != '"' {
		if s.b[s.i] == '\\' {
			s.i++
		}
		s.i++
	}
	if s.i >= len(s.b) {
		s.i = len(s.b)
		s.fail("no end of a string")
		return nil
	}
	s.i++
	var out string
	if err := json.Unmarshal(s.b[start-1:s.i], &out); err != nil {
		s.fail(err.Error())
		return nil
	}
	return []byte(out)
}

// number returns the text of a number, in quotes or without; nil for null.
func (s *Scanner) number() []byte {
	if s.null() {
		return nil
	}
	if s.peek() == '"' {
		return s.raw()
	}
	start := s.i
	s.skipNumber()
	return s.b[start:min(s.i, len(s.b))]
}

// Int reads a whole number.
func (s *Scanner) Int(to *int) {
	if b := s.number(); len(b) > 0 {
		n, err := strconv.Atoi(string(b))
		if err != nil {
			f, ferr := strconv.ParseFloat(string(b), 64)
			if ferr != nil || f != float64(int(f)) {
				s.fail("no whole number")
				return
			}
			n = int(f)
		}
		*to = n
	}
}

// Float reads a number.
func (s *Scanner) Float(to *float64) {
	if b := s.number(); len(b) > 0 {
		f, err := strconv.ParseFloat(string(b), 64)
		if err != nil {
			s.fail("no number")
			return
		}
		*to = f
	}
}

// Bool reads a truth value.
func (s *Scanner) Bool(to *bool) {
	switch c := s.peek(); {
	case s.null():
	case s.literal("true"):
		*to = true
	case s.literal("false"):
		*to = false
	case c == '"':
		switch string(s.raw()) {
		case "true", "True":
			*to = true
		case "false", "False":
			*to = false
		case "":
		default:
			s.fail("no truth value")
		}
	default:
		s.fail("no truth value")
	}
}

// Pairs reads metadata.
func (s *Scanner) Pairs(to *Pairs) {
	if s.null() {
		*to = nil
		return
	}
	out := make(Pairs)
	s.Object(func(s *Scanner, name []byte) {
		if s.null() {
			return
		}
		var v string
		s.Text(&v)
		out[string(name)] = v
	})
	*to = out
}

// Skip reads any value.
func (s *Scanner) Skip() {
	switch c := s.peek(); {
	case c == '{':
		s.Object(func(*Scanner, []byte) {})
	case c == '[':
		s.Array((*Scanner).Skip)
	case c == '"':
		s.raw()
	case c == '-' || '0' <= c && c <= '9':
		s.skipNumber()
	case s.literal("true") || s.literal("false") || s.literal("null"):
	default:
		s.fail("no value")
	}
}

// skipNumber reads a number as JSON has it.
func (s *Scanner) skipNumber() {
	if s.peek() == '-' {
		s.i++
	}
	switch {
	case s.i < len(s.b) && s.b[s.i] == '0':
		s.i++
	case s.digits() == 0:
		s.fail("no number")
		return
	}
	if s.i < len(s.b) && s.b[s.i] == '.' {
		s.i++
		if s.digits() == 0 {
			s.fail("no fraction")
			return
		}
	}
	if s.i < len(s.b) && (s.b[s.i] == 'e' || s.b[s.i] == 'E') {
		s.i++
		if s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if s.digits() == 0 {
			s.fail("no exponent")
		}
	}
}

func (s *Scanner) digits() int {
	start := s.i
	for s.i < len(s.b) && '0' <= s.b[s.i] && s.b[s.i] <= '9' {
		s.i++
	}
	return s.i - start
}
