package peers

import (
	"fmt"
	"net/url"
)

// InstanceSize is how many bytes an instance's JSON has, but for the digits of
// its address.
const InstanceSize = 299

// Service names the service that an instance is in.
func Service(n uint64) string { return fmt.Sprintf("com.example.service-%07d", n) }

// IP is the address of the n-th instance: one of this machine, so that nobody
// else is bothered if it is tried.
func IP(n uint64) string { return fmt.Sprintf("127.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

// Port is its port: addresses differ up to 2^40 instances.
func Port(n uint64) uint64 { return 8080 + n>>24 }

// metadata is that of all instances: of those of a service it is mostly the
// same. With it an instance has about InstanceSize bytes.
const metadata = `{"commit":"8f14e45fcee","preserved.register.source":"SPRING_CLOUD","version":"1.4.2","zone":"a"}`

// Instance is the JSON of the n-th instance of a service.
func Instance(service string, n uint64, ephemeral bool) string {
	s := fmt.Sprintf(`{"instanceId":"","ip":"%s","port":%d,"weight":1.0,"healthy":true,"enabled":true,"ephemeral":%t,"clusterName":"DEFAULT","serviceName":"DEFAULT_GROUP@@%s","metadata":`,
		IP(n), Port(n), ephemeral, service)
	return s + metadata + "}"
}

// Form is the same as the form that clients of 1.x send.
func Form(service string, n uint64, ephemeral bool) string {
	return fmt.Sprintf("serviceName=%s&groupName=DEFAULT_GROUP&ip=%s&port=%d&weight=1.0&healthy=true&enable=true&ephemeral=%t&clusterName=DEFAULT&metadata=%s",
		url.QueryEscape("DEFAULT_GROUP@@"+service), IP(n), Port(n), ephemeral, url.QueryEscape(metadata))
}

// Request is the JSON of a request about a service, with more fields.
func Request(service, more string) string {
	return `{"headers":{},"requestId":"","namespace":"public","serviceName":"` + service + `","groupName":"DEFAULT_GROUP","module":"naming"` + more + `}`
}
