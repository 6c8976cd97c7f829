package registry

import "math"

// An Overlay is what an operator says of an instance. It is kept apart from
// what the instance says of itself and goes above it, so that it outlives a
// registration. It is never changed, only replaced.
type Overlay struct {
	Enabled *bool
	Weight  *float64
	Meta    *Metadata // pairs that go above the instance's own
}

func (o *Overlay) empty() bool {
	return o == nil || o.Enabled == nil && o.Weight == nil && o.Meta == nil
}

// apply returns the instance as readers see it.
func (o *Overlay) apply(i *Instance) *Instance {
	if o.empty() {
		return i
	}
	c := *i
	if o.Enabled != nil {
		c.Enabled = *o.Enabled
	}
	if o.Weight != nil {
		c.Weight = *o.Weight
	}
	c.Meta = i.Meta.with(o.Meta)
	return &c
}

// A Patch changes an overlay: what it leaves nil stays as it is.
type Patch struct {
	Enabled *bool
	Weight  *float64
	Set     map[string]string // pairs to set
	Unset   []string          // keys to forget; the instance's own show again
	Replace bool              // forget all pairs first
}

func (p *Patch) apply(o *Overlay) *Overlay {
	var n Overlay
	if o != nil {
		n = *o
	}
	if p.Enabled != nil {
		n.Enabled = p.Enabled
	}
	if p.Weight != nil {
		n.Weight = p.Weight
	}
	if p.Replace || len(p.Set) > 0 || len(p.Unset) > 0 {
		pairs := map[string]string{}
		if !p.Replace {
			pairs = n.Meta.Map()
		}
		for k, v := range p.Set {
			pairs[k] = v
		}
		for _, k := range p.Unset {
			delete(pairs, k)
		}
		n.Meta = NewMetadata(pairs, "")
	}
	return &n
}

func (l *Limits) checkPatch(p *Patch) error {
	if p.Weight != nil && (math.IsNaN(*p.Weight) || *p.Weight < 0 || *p.Weight > MaxWeight) {
		return invalid("weight", "instance format invalid: The weights range from 0.0 to %d.0", MaxWeight)
	}
	text := 0
	for k, v := range p.Set {
		text += len(k) + len(v)
	}
	for _, k := range p.Unset {
		text += len(k)
	}
	if text > l.Settings {
		return invalid("metadata", "Param 'Metadata' is illegal, the param length should not exceed %d.", l.Settings)
	}
	return nil
}

const (
	overlayEnabled = 1 << iota
	overlayIsEnabled
	overlayWeight
)

func appendOverlay(b []byte, enabled *bool, weight *float64) []byte {
	var flags byte
	if enabled != nil {
		flags |= overlayEnabled
		if *enabled {
			flags |= overlayIsEnabled
		}
	}
	if weight != nil {
		flags |= overlayWeight
	}
	b = append(b, flags)
	if weight != nil {
		b = appendUint(b, math.Float64bits(*weight))
	}
	return b
}

func (r *reader) overlay() (enabled *bool, weight *float64) {
	flags := r.byte()
	if flags&overlayEnabled != 0 {
		v := flags&overlayIsEnabled != 0
		enabled = &v
	}
	if flags&overlayWeight != 0 {
		v := math.Float64frombits(r.uint())
		weight = &v
	}
	return enabled, weight
}
