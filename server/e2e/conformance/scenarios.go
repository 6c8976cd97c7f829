package main

// A Scenario is something that clients rely on.
type Scenario struct {
	Name string
	What string // for people
	Do   func(*Case)
}

// scenarios are those that a client of one kind can go through while others do
// other things. The rest are in restart.go and matrix.go.
var scenarios = []Scenario{
	{"register", "an instance is listed with all that was said of it", register},
	{"reregister", "a registration of the same instance replaces it", reregister},
	{"batch", "many instances by one call, and fewer by the next", batch},
	{"unbatch", "some of many instances taken back by one call", unbatch},
	{"select", "instances that are enabled and have a weight", selection},
	{"selectone", "one of them", selectOne},
	{"subscribe", "a subscriber is told of what came, changed and went", subscribe},
	{"prompt", "a subscriber is told at once, and does not come to ask", prompt},
	{"last", "a subscriber is told when the last instance goes", last},
	{"unsubscribe", "who has unsubscribed is told no more", unsubscribe},
	{"fuzzy", "who watches a pattern is told of services that match", fuzzy},
	{"deregister", "an instance that was deregistered goes, and no other", deregister},
	{"persistent", "an instance stays without its client", persistent},
	{"namespaces", "one name in two namespaces is two services", namespaces},
	{"groups", "one name in two groups is two services", groups},
	{"clusters", "one or some clusters of a service", clusters},
	{"weights", "weights are as they were given", weights},
	{"metadata", "metadata are replaced as a whole", metadata},
	{"characters", "metadata of any characters", characters},
	{"health", "what is unhealthy is listed and not selected", health},
	{"services", "the names of services, by pages", services},
	{"status", "the server is UP", status},
	{"two", "two instances of one client", two},
	{"crash", "a client that crashed is forgotten", crash},
	{"login", "a user and a password, right and wrong", loggingIn},
}
