// Package scalecube holds the scenarios of scalecube-cluster's test suites,
// played by muster nodes on virtual time. It consists of tests only.
//
// Each suite has its files, named after it, and a table of its scenarios under
// the names that they have in Java, so that
//
//	go test ./internal/scalecube -run TestMembershipProtocol//testLimitedSeedMembers
//
// finds them. What scalecube does wrong, and what it never promised, follows in
// defects_test.go and invariants_test.go. docs/scenarios.md tells, scenario by
// scenario, what muster does differently and why.
package scalecube
