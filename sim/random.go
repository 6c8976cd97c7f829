package sim

import "math/rand/v2"

// mix is the finaliser of splitmix64: every bit of x reaches every bit of the
// result.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

const golden = 0x9e3779b97f4a7c15

// derive makes a seed for one node, or one link, and one purpose.
func derive(seed uint64, node int, purpose string) uint64 {
	h := mix(seed + golden)
	h = mix(h + uint64(node)*golden + 1)
	for i := range len(purpose) {
		h = mix(h + uint64(purpose[i])*golden)
	}
	return h
}

// newRand returns the random stream of one node for one purpose.
func newRand(seed uint64, node int, purpose string) *rand.Rand {
	return rand.New(rand.NewPCG(derive(seed, node, purpose), derive(seed, node, purpose+"'")))
}

// draw is a random number that belongs to one packet of one link: h identifies
// the packet, purpose what the draw decides. Nothing is consumed, so whether
// one decision is taken has no effect on any other.
func draw(h uint64, purpose drawPurpose) uint64 {
	return mix(h + uint64(purpose)*golden)
}

// drawPurpose numbers the decisions taken about a packet.
type drawPurpose uint64

const (
	drawJitter drawPurpose = iota + 1
	drawLoss
	drawDuplicate
	drawReorder
	drawCorrupt
	drawCorruptHow
	drawExtra
	drawAgain
)

// chance tells whether a draw falls into the first percent hundredths.
func chance(r uint64, percent uint8) bool {
	return percent > 0 && r%100 < uint64(percent)
}

// below scales a draw to [0, n).
func below(r uint64, n int64) int64 {
	if n <= 0 {
		return 0
	}
	return int64(r % uint64(n))
}
