package memberlist

import (
	"time"

	"github.com/hashicorp/go-metrics"

	"github.com/musterhq/muster"
)

// keepEvery is how often counters are passed on to go-metrics, and the payload
// of acks is asked for.
const keepEvery = time.Second

// keep does what recurs until Shutdown.
func (m *Memberlist) keep() {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	last, gauged := m.node.Stats(), time.Time{}
	for {
		select {
		case <-m.ctx.Done():
			return
		case now := <-tick.C:
			m.refreshAck()
			stats := m.node.Stats()
			m.countUp(&last, &stats)
			last = stats
			if now.Sub(gauged) >= m.conf.QueueCheckInterval {
				m.gauge(&stats)
				gauged = now
			}
		}
	}
}

// countUp passes on by how much the counters have grown.
func (m *Memberlist) countUp(last, now *muster.Stats) {
	degraded := now.Probes - last.Probes // slowed down by poor health
	if now.HealthScore == 0 {
		degraded = 0
	}
	for _, c := range []struct {
		grown uint64
		what  string
		of    string
	}{
		{now.AlivesReceived - last.AlivesReceived, "msg", "alive"},
		{now.SuspectsReceived - last.SuspectsReceived, "msg", "suspect"},
		{now.DeadsReceived - last.DeadsReceived, "msg", "dead"},
		{degraded, "degraded", "probe"},
	} {
		if c.grown > 0 {
			metrics.IncrCounterWithLabels([]string{"memberlist", c.what, c.of}, float32(c.grown), m.conf.MetricLabels)
		}
	}
}

// countDegraded counts a suspicion that ran out with fewer confirmations than
// it could have had: nobody else to ask, or nobody heard.
func (m *Memberlist) countDegraded(confirmations int) {
	wanted := m.conf.SuspicionMult - 2
	if m.node.Stats().Alive-2 < wanted {
		wanted = 0
	}
	if confirmations < wanted {
		metrics.IncrCounterWithLabels([]string{"memberlist", "degraded", "timeout"}, 1, m.conf.MetricLabels)
	}
}

// gauge passes on what is now.
func (m *Memberlist) gauge(now *muster.Stats) {
	labels := m.conf.MetricLabels
	metrics.SetGaugeWithLabels([]string{"memberlist", "health", "score"}, float32(now.HealthScore), labels)
	metrics.AddSampleWithLabels([]string{"memberlist", "queue", "broadcasts"}, float32(now.QueueLength+now.UserQueueLength), labels)
	for _, s := range []struct {
		state string
		n     int
	}{{"alive", now.Alive}, {"suspect", now.Suspects}, {"dead", now.Dead}, {"left", now.Left}} {
		with := append(append([]metrics.Label(nil), labels...), metrics.Label{Name: "node_state", Value: s.state})
		metrics.SetGaugeWithLabels([]string{"memberlist", "node", "instances"}, float32(s.n), with)
	}
}
