package memberlist

import (
	"fmt"
	"strings"
)

// faultList is several errors as one, printed as applications of memberlist
// know it from their logs.
type faultList []error

func (f faultList) err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Error lists them, one a line.
func (f faultList) Error() string {
	var b strings.Builder
	noun := "errors"
	if len(f) == 1 {
		noun = "error"
	}
	fmt.Fprintf(&b, "%d %s occurred:\n", len(f), noun)
	for _, err := range f {
		fmt.Fprintf(&b, "\t* %s\n", err)
	}
	b.WriteString("\n")
	return b.String()
}

// Unwrap lets errors.Is and errors.As look into each.
func (f faultList) Unwrap() []error { return f }
