// Package udppush tells clients of Nacos 1.x of changes. They ask for lists by
// HTTP every ten seconds, and say with each question at which UDP port they
// listen; between two questions they are pushed what has changed.
//
// A push is a datagram that may be lost. It is acknowledged by another one, and
// tried once more if it is not; what still does not arrive is found by the
// next question.
package udppush
