// Package push tells subscribers what has changed.
//
// A change marks its service. After a short delay, in which further changes
// of the service cost nothing, each of its subscriptions is marked and its
// receiver is set to work. A receiver renders what a marked subscription is to
// be sent at the moment it sends it: so a subscriber that is slow gets the
// latest list and none of those between, and what waits for it is one bit per
// subscription. The rendered bytes are shared by all subscribers that are told
// the same, see [registry.View.Memo].
//
// What was sent stays open until it is acknowledged, and is sent again, as it
// is by then, if that does not happen in time. This goes on until the receiver
// is closed. Of one service one list is on its way to a client at a time.
//
// A receiver that has nothing to send costs no goroutine. Time limits are kept
// in queues, as all of one kind are equally long.
package push
