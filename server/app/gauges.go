package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/musterhq/muster/server/consensus"
	"github.com/musterhq/muster/server/health"
	"github.com/musterhq/muster/server/push"
	"github.com/musterhq/muster/server/registry"
)

// gauges are read when somebody asks for the metrics.
type gauges struct{ s *Server }

// sample is one value with its labels, in the order of the labels' names.
type sample struct {
	value  float64
	labels []string
}

// family is one metric with all its samples.
type family struct {
	name, help string
	counter    bool
	labels     []string
	samples    []sample
}

func newGauges(s *Server) *gauges { return &gauges{s} }

// Describe tells of nothing: what there is depends on the cluster.
func (g *gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	reg, pushed, raft, checks := g.s.reg.Stats(), g.s.push.Stats(), g.s.raft.Metrics(), g.s.health.Stats()
	families := nacosFamilies(g.s, reg, pushed, raft, checks)
	families = append(families, registryFamilies(g.s, reg, pushed, checks)...)
	families = append(families, clusterFamilies(g.s)...)
	families = append(families, raftFamilies(raft)...)
	for _, f := range families {
		desc := prometheus.NewDesc(f.name, f.help, f.labels, nil)
		kind := prometheus.GaugeValue
		if f.counter {
			kind = prometheus.CounterValue
		}
		for _, s := range f.samples {
			out <- prometheus.MustNewConstMetric(desc, kind, s.value, s.labels...)
		}
	}
	for name, h := range map[string]consensus.Histogram{
		"muster_raft_proposal_seconds": raft.ProposalSeconds, "muster_raft_append_seconds": raft.AppendSeconds,
	} {
		desc := prometheus.NewDesc(name, "How long proposals, or writes of the log with fsync, took.", nil, nil)
		out <- prometheus.MustNewConstHistogram(desc, h.Count, h.Sum, h.Buckets)
	}
}

// one is a family of one sample without labels.
func one[T int | int64 | uint64 | float64](name, help string, v T) family {
	return family{name: name, help: help, samples: []sample{{float64(v), nil}}}
}

func total[T int | int64 | uint64 | float64](name, help string, v T) family {
	f := one(name, help, v)
	f.counter = true
	return f
}

func bit(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

// by is a family with one label.
func by(name, help, label string, counter bool, samples ...sample) family {
	return family{name, help, counter, []string{label}, samples}
}

func of[T int | int64 | uint64 | float64](v T, labels ...string) sample {
	return sample{float64(v), labels}
}

// nacosFamilies are what Nacos calls nacos_monitor and so on.
func nacosFamilies(s *Server, reg registry.Stats, p push.Stats, raft consensus.Metrics, checks health.Stats) []family {
	average := -1.0
	if p.Acked > 0 {
		average = float64(p.Cost.Milliseconds()) / float64(p.Acked)
	}
	var monitor []sample
	for _, m := range []struct {
		name string
		v    float64
	}{
		{"serviceCount", float64(reg.Services)}, {"ipCount", float64(reg.Instances)}, {"subscriberCount", float64(reg.Subscribers)},
		{"maxPushCost", float64(p.MaxCost.Milliseconds())}, {"avgPushCost", average}, {"leaderStatus", bit(raft.Leader)},
		{"totalPush", float64(p.Sent)}, {"totalPushCountForAvg", float64(p.Acked)}, {"totalPushCostForAvg", float64(p.Cost.Milliseconds())},
		{"failedPush", float64(p.Failed)}, {"emptyPush", float64(p.Empty)}, {"pushPendingTaskCount", float64(p.Changed)},
		{"serviceSubscribedEventQueueSize", 0}, {"serviceChangedEventQueueSize", float64(p.Changed)},
		{"tcpHealthCheck", float64(checks.TCP.Checks)}, {"httpHealthCheck", float64(checks.HTTP.Checks)}, {"mysqlHealthCheck", float64(checks.MySQL.Checks)},
	} {
		monitor = append(monitor, of(m.v, "naming", m.name))
	}
	byUDP := s.udp.Subscriptions()
	conns := s.grpc.Connections()
	monitor = append(monitor, of(len(conns), "naming", "longConnection"), of(len(conns), "core", "longConnection"), of(0, "config", "longConnection"))
	versions := make(map[string]int)
	for _, c := range conns {
		if len(versions) < maxVersions || versions[c.Info.Version] > 0 {
			versions[c.Info.Version]++
		}
	}
	var clients []sample
	for v, n := range versions {
		clients = append(clients, of(n, v))
	}
	return []family{
		{"nacos_monitor", "Gauges under Nacos' names.", false, []string{"module", "name"}, monitor},
		{"nacos_exception", "Failures under Nacos' names.", true, []string{"module", "name"}, []sample{
			of(raft.DiskErrors, "naming", "disk"), of(0, "naming", "leaderSendBeatFailed"), of(0, "naming", "nacos"), of(0, "naming", "illegalArgument"),
		}},
		{"nacos_monitor_summary_count", "Of Raft, under Nacos' names.", true, []string{"name"}, []sample{
			of(raft.ReadsFailed, "raft_read_index_failed"), of(raft.ReadRounds, "raft_read_from_leader"),
			of(raft.Proposals, "raft_apply_log_timer"), of(raft.Reads, "raft_apply_read_timer"),
		}},
		by("nacos_naming_clients", "Connections by the client's version.", "version", false, clients...),
		// To Nacos, a client without a connection is of version 1.
		by("nacos_naming_publisher", "Instances of this server's clients.", "version", false,
			of(reg.OwnByBeat, "v1"), of(reg.OwnInstances-reg.OwnByBeat, "v2")),
		by("nacos_naming_subscriber", "Subscriptions of this server's clients.", "version", false,
			of(byUDP, "v1"), of(max(reg.Subscribers-byUDP, 0), "v2")),
	}
}

// maxVersions bounds what clients can make of a label.
const maxVersions = 100

func registryFamilies(s *Server, reg registry.Stats, p push.Stats, checks health.Stats) []family {
	plane := s.plane.Stats()
	return []family{
		one("muster_registry_services", "Services that are listed.", reg.Services),
		by("muster_registry_instances", "Instances known, by kind.", "kind", false,
			of(reg.Instances-reg.Persistent, "ephemeral"), of(reg.Persistent, "persistent")),
		one("muster_registry_own_instances", "Instances of clients of this server.", reg.OwnInstances),
		by("muster_registry_clients", "Clients of this server.", "kind", false, of(reg.Connected, "grpc"), of(reg.Addresses, "http")),
		one("muster_registry_subscribers", "Subscriptions at this server.", reg.Subscribers),
		one("muster_registry_encoded_bytes", "Encoded lists kept for the next reader.", reg.EncodedBytes),
		one("muster_registry_stale_servers", "Servers that are gone and whose clients may still be listed.", reg.StaleServers),
		one("muster_registry_verified", "1 once this server knows all there is, and pushes.", bit(reg.ReadyVerified)),
		by("muster_push_total", "Lists pushed.", "result", true, of(p.Acked, "acked"), of(p.Failed, "failed")),
		total("muster_push_sent_total", "Lists sent, again or for the first time.", p.Sent),
		total("muster_push_empty_total", "Lists sent that had no instance.", p.Empty),
		one("muster_push_open", "Pushes that are not acknowledged yet.", p.Open),
		by("muster_ephemeral_changes_total", "Registrations spread, by where they come from.", "from", true, of(plane.Puts, "here"), of(plane.Applied, "others")),
		by("muster_ephemeral_removals_total", "Registrations ended, by where they come from.", "from", true, of(plane.Removes, "here"), of(plane.Removed, "others")),
		total("muster_ephemeral_rejected_total", "What other servers said and could not be used.", plane.Rejected),
		one("muster_ephemeral_held_servers", "Servers not to be seen whose clients are kept, since this server is cut off.", plane.OwnersHeld),
		by("muster_route_total", "Requests of HTTP clients of other servers.", "result", true,
			of(s.router.forwarded.Load(), "forwarded"), of(s.router.failed.Load(), "failed"), of(s.router.taken.Load(), "taken")),
		total("muster_route_adopted_total", "HTTP clients taken over from servers that are gone.", s.router.adopted.Load()),
		by("muster_health_checks_total", "Health checks.", "kind", true, of(checks.TCP.Checks, "tcp"), of(checks.HTTP.Checks, "http"), of(checks.MySQL.Checks, "mysql")),
		one("muster_health_targets", "Instances that this server checks.", checks.Targets),
		one("muster_health_lag_seconds", "How late the last health check began.", checks.Lag.Seconds()),
	}
}

func clusterFamilies(s *Server) []family {
	n := s.node.Stats()
	r := s.node.Records().Stats()
	return []family{
		one("muster_ready", "1 while this server is ready.", bit(s.Ready() == nil)),
		by("muster_members", "Members of the gossip.", "state", false, of(n.Alive, "alive"), of(n.Suspects, "suspect"), of(n.Dead, "dead"), of(n.Left, "left")),
		by("muster_probes_total", "Probes of other members.", "result", true, of(n.Probes-n.ProbesFailed, "ok"), of(n.ProbesFailed, "failed")),
		total("muster_suspicions_total", "Members suspected by this one.", n.Suspicions),
		total("muster_refutations_total", "Suspicions of this member that it refuted.", n.Refutations),
		one("muster_health_score", "How much this member distrusts itself; 0 is best.", n.HealthScore),
		one("muster_broadcast_queue_length", "News of members that wait to be gossiped.", n.QueueLength),
		by("muster_packets_total", "Packets of the gossip.", "direction", true, of(n.PacketsSent, "out"), of(n.PacketsReceived, "in")),
		by("muster_packet_bytes_total", "Bytes of the gossip's packets.", "direction", true, of(n.BytesSent, "out"), of(n.BytesReceived, "in")),
		by("muster_packet_errors_total", "Packets that were of no use.", "reason", true, of(n.PacketsMalformed, "malformed"), of(n.SendErrors, "send")),
		by("muster_peer_requests_total", "Requests among servers.", "direction", true, of(n.RequestsSent, "out"), of(n.RequestsServed, "in")),
		one("muster_records_keys", "Records of all servers.", r.Keys),
		one("muster_records_bytes", "What the records take.", r.Bytes),
		one("muster_records_wanted", "Servers of which news is known and not here yet.", r.Wanted),
		total("muster_records_applied_total", "Changes of other servers' records taken over.", r.Applied),
		total("muster_records_syncs_total", "Comparisons with another server.", r.Syncs),
		total("muster_records_refused_total", "Times that records had no room.", r.Refused),
	}
}

func raftFamilies(m consensus.Metrics) []family {
	return []family{
		one("muster_raft_leader", "1 while this server leads.", bit(m.Leader)),
		one("muster_raft_ready", "1 while the log is as new as the leader's.", bit(m.Ready)),
		one("muster_raft_faulty", "1 once the log cannot be trusted any more.", bit(m.Faulty)),
		one("muster_raft_term", "The term.", m.Term),
		one("muster_raft_commit_index", "Newest entry that was agreed on.", m.Commit),
		one("muster_raft_applied_index", "Newest entry applied here.", m.Applied),
		one("muster_raft_lag_entries", "Entries agreed on and not applied here.", m.Lag),
		one("muster_raft_last_contact_seconds", "Since the leader was last heard; 0 on the leader. While it grows, the lag is more than is known here.", m.LastContact),
		one("muster_raft_voters", "Servers that vote.", m.Voters),
		one("muster_raft_servers", "Servers of the configuration.", m.Servers),
		total("muster_raft_leader_changes_total", "Changes of the leader seen.", m.LeaderChanges),
		by("muster_raft_proposals_total", "Commands proposed by this server.", "result", true,
			of(m.Proposals, "applied"), of(m.ProposalsRefused, "refused"), of(m.ProposalsUnknown, "unknown")),
		one("muster_raft_proposals_in_flight", "Commands proposed that have no answer yet.", m.ProposalsInFlight),
		total("muster_raft_proposals_retried_total", "Attempts to propose after the first.", m.ProposalsRetried),
		by("muster_raft_forwarded_total", "Commands passed on to the leader.", "direction", true, of(m.Forwarded, "out"), of(m.ForwardedIn, "in")),
		total("muster_raft_entries_made_total", "Entries that this server wrote as the leader.", m.EntriesMade),
		total("muster_raft_config_changes_total", "Changes of the configuration that this server made as the leader.", m.ConfigChanges),
		one("muster_raft_log_bytes", "Written to the log since the last snapshot.", m.LogBytes),
		by("muster_raft_reads_total", "Linearizable reads.", "result", true, of(m.Reads, "ok"), of(m.ReadsFailed, "failed")),
		total("muster_raft_commands_total", "Commands applied.", m.Commands),
		total("muster_raft_snapshots_total", "Snapshots taken.", m.Snapshots),
		total("muster_raft_disk_errors_total", "Failures of the disk under the log.", m.DiskErrors),
	}
}
