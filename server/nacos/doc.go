// Package nacos is what the doors have in common through which clients of
// Nacos come in: package grpcapi for those of 2.x and 3.x, httpapi for those
// of 1.x and for operators, udppush for what 1.x clients are told.
//
// A door translates and asks whether the caller may. It decides nothing: what
// Nacos-shaped there is ends here.
package nacos
