package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's counters for Prometheus: muster's own, and those that
// dashboards for Nacos look for, under Nacos' names.
type metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec // muster_api_requests_total
	took     *prometheus.HistogramVec
	grpc     *prometheus.SummaryVec // Nacos' names
	http     *prometheus.SummaryVec
	push     prometheus.Histogram
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "muster_api_requests_total", Help: "Requests of clients and operators.",
		}, []string{"api", "op", "code"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "muster_api_request_duration_seconds", Help: "How long requests took.",
			Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"api"}),
		grpc: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name: "grpc_server_requests_seconds", Help: "Requests by gRPC, as Nacos counts them.",
		}, []string{"requestClass", "success", "errorCode", "throwableClass", "module"}),
		http: prometheus.NewSummaryVec(prometheus.SummaryOpts{
			Name: "http_server_requests_seconds", Help: "Requests by HTTP, as Nacos counts them.",
		}, []string{"method", "uri", "status"}),
		push: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "muster_push_delay_seconds", Help: "From a change until a subscriber has acknowledged it.",
			Buckets: []float64{.005, .01, .025, .05, .075, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}),
	}
	m.registry.MustRegister(m.requests, m.took, m.grpc, m.http, m.push, newGauges(s),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// grpcRequest counts a request by gRPC. kind is one of those that are handled,
// or what some client made up.
func (m *metrics) grpcRequest(kind string, code int, took time.Duration) {
	module := moduleOf(kind)
	if module == "" {
		kind, module = "unknown", "unknown"
	}
	ok := strconv.FormatBool(code == 0)
	m.requests.WithLabelValues("grpc", kind, strconv.Itoa(code)).Inc()
	m.took.WithLabelValues("grpc").Observe(took.Seconds())
	m.grpc.WithLabelValues(kind, ok, strconv.Itoa(code), "None", module).Observe(took.Seconds())
}

// moduleOf says which part of Nacos a request belongs to, "" if none.
func moduleOf(kind string) string {
	switch kind {
	case "ServerCheckRequest", "HealthCheckRequest":
		return "internal"
	case "InstanceRequest", "BatchInstanceRequest", "PersistentInstanceRequest", "SubscribeServiceRequest",
		"ServiceQueryRequest", "ServiceListRequest", "NamingFuzzyWatchRequest":
		return "naming"
	case "ConfigQueryRequest", "ConfigBatchListenRequest", "ConfigPublishRequest", "ConfigRemoveRequest", "ConfigFuzzyWatchRequest":
		return "config"
	}
	return ""
}

// httpRequest counts a request by HTTP. route is "METHOD PATTERN".
func (m *metrics) httpRequest(route string, status int, took time.Duration) {
	method, uri := "", route
	for i := range len(route) {
		if route[i] == ' ' {
			method, uri = route[:i], "/nacos"+route[i+1:]
			break
		}
	}
	code := strconv.Itoa(status)
	m.requests.WithLabelValues("http", route, code).Inc()
	m.took.WithLabelValues("http").Observe(took.Seconds())
	m.http.WithLabelValues(method, uri, code).Observe(took.Seconds())
}

// pushed counts a push that was acknowledged.
func (m *metrics) pushed(took time.Duration) { m.push.Observe(took.Seconds()) }
