package micro

import (
	_ "unsafe" // for go:linkname

	"github.com/musterhq/muster/swim"
)

// muPickGossip is how muster's core chooses the targets of gossip. Members are
// numbers there.
//
//go:linkname muPickGossip github.com/musterhq/muster/swim.(*Core).pickGossip
func muPickGossip(c *swim.Core) (targets []uint32, live int)
