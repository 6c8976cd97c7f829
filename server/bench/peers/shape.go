package peers

import (
	"fmt"
	"net/url"
	"strings"
)

// InstanceSize is how many bytes an instance's JSON has.
const InstanceSize = 299

// Service names the service that an instance is in.
func Service(n uint64) string { return fmt.Sprintf("com.example.service-%07d", n) }

// IP is the address of the n-th instance: one of this machine, so that nobody
// else is bothered if it is tried.
func IP(n uint64) string { return fmt.Sprintf("127.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

// Port is its port: addresses differ up to 2^40 instances.
func Port(n uint64) uint64 { return 8080 + n>>24 }

// metadata is padded so that all instances are of one size.
func metadata(have int) string {
	const front, back = `{"version":"1.4.2","zone":"a","preserved.register.source":"SPRING_CLOUD","commit":"`, `"}`
	return front + strings.Repeat("0", max(0, InstanceSize-have-len(front)-len(back))) + back
}

// Instance is the JSON of the n-th instance of a service.
func Instance(service string, n uint64, ephemeral bool) string {
	s := fmt.Sprintf(`{"instanceId":"","ip":"%s","port":%d,"weight":1.0,"healthy":true,"enabled":true,"ephemeral":%t,"clusterName":"DEFAULT","serviceName":"DEFAULT_GROUP@@%s","metadata":`,
		IP(n), Port(n), ephemeral, service)
	return s + metadata(len(s)+1) + "}"
}

// Form is the same as the form that clients of 1.x send.
func Form(service string, n uint64, ephemeral bool) string {
	have := len(Instance(service, n, ephemeral)) - InstanceSize // 0
	return fmt.Sprintf("serviceName=%s&groupName=DEFAULT_GROUP&ip=%s&port=%d&weight=1.0&healthy=true&enable=true&ephemeral=%t&clusterName=DEFAULT&metadata=%s",
		url.QueryEscape("DEFAULT_GROUP@@"+service), IP(n), Port(n), ephemeral, url.QueryEscape(metadata(have+formFields)))
}

// formFields is about what the fields beside the metadata are long in JSON.
const formFields = 190

// Request is the JSON of a request about a service, with more fields.
func Request(service, more string) string {
	return `{"headers":{},"requestId":"","namespace":"public","serviceName":"` + service + `","groupName":"DEFAULT_GROUP","module":"naming"` + more + `}`
}
