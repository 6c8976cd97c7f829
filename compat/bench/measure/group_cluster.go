package measure

import (
	"errors"
	"time"

	"github.com/musterhq/muster/compat/bench/system"
)

// settleLimit bounds the wait for a cluster to have nothing left to gossip.
const settleLimit = 45 * time.Second

// clusterGroup forms a cluster and measures that; then the cluster at rest;
// then what it makes of kills.
func clusterGroup(sys system.System, job Job, res *Result) (err error) {
	b := readBase()
	c := newCluster(sys, job.N, false)
	defer func() { err = errors.Join(err, c.stop()) }()
	j, err := c.join(job.Pace, job.JoinLimit)
	if err != nil {
		return err
	}
	trace("joined %+v, %d warnings", j, c.warned.Load())
	j.report(res)
	if w := c.warned.Load(); w > 0 {
		res.Note("%d warnings and %d deaths declared while joining", w, c.gone.Load())
	}
	if job.Steady > 0 {
		switch {
		case !j.reached:
			res.Note("no agreement after %v; what follows is of a cluster that has not settled", job.JoinLimit)
		case !c.settle(settleLimit):
			res.Note("not settled %v after the join", settleLimit)
		}
		if err := c.steady(job.Steady, b, res); err != nil {
			return err
		}
	}
	// Not before the heap was read: a list of members may be kept.
	if j.reached {
		if err := c.verify(); err != nil {
			res.Note("after agreement %v", err)
		}
	}
	switch {
	case job.Kills == 0:
		return nil
	case !j.reached:
		res.Note("no kills, as there was no agreement on who lives")
		return nil
	}
	return c.kills(job, res)
}

func (j joined) report(res *Result) {
	res.add("join", Sample{V: j.agreement.Seconds(), AtLeast: !j.reached})
	res.add("join_last", Sample{V: j.last.Seconds(), AtLeast: !j.reached})
	res.Add("join_failed", float64(j.failed))
	res.Add("join_cpu", j.cpu.Seconds())
}
