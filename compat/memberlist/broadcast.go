package memberlist

// Broadcast is a message for a TransmitLimitedQueue.
type Broadcast interface {
	// Invalidates says whether this one makes b, which is queued, superfluous.
	Invalidates(b Broadcast) bool

	// Message returns the bytes to send.
	Message() []byte

	// Finished is called once, when the message will not be sent any more: it
	// has been often enough, or was invalidated, pruned or reset.
	Finished()
}

// NamedBroadcast is a Broadcast that makes queued ones of the same name
// superfluous, and none else; Invalidates is not called.
type NamedBroadcast interface {
	Broadcast
	Name() string
}

// UniqueBroadcast is a Broadcast that makes no other superfluous; neither it
// nor Invalidates of it is called.
type UniqueBroadcast interface {
	Broadcast
	UniqueBroadcast()
}
