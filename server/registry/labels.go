package registry

import "strings"

const (
	consumerLabel = "CONSUMER.label."
	providerLabel = "PROVIDER.label."
)

// parseLabels reads a label selector: CONSUMER.label.x = PROVIDER.label.x,
// several of them joined by &. It returns the labels.
func parseLabels(expression string) ([]string, error) {
	var labels []string
	for part := range strings.SplitSeq(expression, "&") {
		left, right, ok := strings.Cut(part, "=")
		left, right = strings.TrimSpace(left), strings.TrimSpace(right)
		consumer, okC := strings.CutPrefix(left, consumerLabel)
		provider, okP := strings.CutPrefix(right, providerLabel)
		if !ok || !okC || !okP || consumer != provider || consumer == "" {
			return nil, invalid("selector", "label selector: %q is not CONSUMER.label.NAME = PROVIDER.label.NAME", strings.TrimSpace(part))
		}
		labels = append(labels, consumer)
	}
	return labels, nil
}

// selectLabels keeps the instances that have the consumer's labels; all of
// them if none has.
func (r *Registry) selectLabels(expression, consumer string, all []*Instance) []*Instance {
	labels, err := parseLabels(expression)
	if err != nil {
		return all // checked when it was declared
	}
	var out []*Instance
	for _, h := range all {
		same := true
		for _, l := range labels {
			if r.labels(consumer, l) != r.labels(h.IP, l) {
				same = false
				break
			}
		}
		if same {
			out = append(out, h)
		}
	}
	if len(out) == 0 {
		return all
	}
	return out
}
