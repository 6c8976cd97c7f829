// Package muster is a library for cluster membership: processes find each
// other, learn who joined, who left and who died, spread messages, and share
// what each says about itself. It speaks hashicorp/memberlist's protocol, so
// that muster nodes and memberlist nodes form one cluster, and it needs nothing
// but the standard library.
//
//	cfg := muster.LAN()
//	cfg.Name = "a"
//	cfg.Seeds = []string{"10.0.0.1", "seed.example.com:7946"}
//	cfg.OnEvent = func(e muster.Event) { fmt.Println(e.Kind, e.Member.Name) }
//	node, err := muster.Start(cfg)
//
// # Who is here
//
// A [Node] knows the members: [Node.Members], [Node.Member], and as changes
// [Node.Watch] or Config.OnEvent. A change is one of [MemberJoined],
// [MemberUpdated], [MemberLeaving], [MemberLeft] and [MemberFailed]; on request
// also [MemberSuspected] and [MemberRecovered]. [Node.Leave] goes gracefully,
// [Node.Close] does not. Seeds and the dead are looked for again for ever, so
// that a cluster that was cut in two becomes one by itself.
//
// A member has a Name, which is its place in the cluster, an ID, which is the
// process's own, an Alias for people, and metadata: any bytes up to 1 MiB
// ([Node.SetMeta], or [SetMetaAs] and [MetaAs] for a type of yours). It belongs
// to a namespace, a path such as "prod/eu", and knows only members of its own
// and of those above and below.
//
// # What each says about itself
//
// [Node.Records] is a map of keys per member, written by that member alone, of
// which all others come to have the same copy: a registry of services, a
// table of shards. Keys may have a time to live. [Records.Watch] follows them by
// prefix.
//
// # Messages
//
// [Node.Send] delivers to one member and returns when that has taken the message
// in; memberlist members take part. [Node.SendTopic], [Node.Request] and
// [Node.Publish], which muster members understand, go to whoever has called
// [Node.Subscribe] or [Node.Handle] for a topic: a message, a question with an
// answer, and a message to all, once each. [Node.SendPacket] and
// [Node.Broadcast] are the cheap ones: a packet that may get lost, and gossip.
//
// # How it runs
//
// A node costs three goroutines, whatever the size of the cluster: one waits for
// the protocol's next deadline, one reads packets, one accepts streams. More
// exist only while there is something for them to do, and none after Close.
//
// Callbacks are never called concurrently and never under a lock: they may call
// any method of the Node, and take their time. What the network needs at once,
// such as the answer to a ping, does not wait for them. What waits for a slow
// callback is bounded: events are folded to what matters, packets are dropped
// and counted in [Stats], streams wait.
//
// Packets and streams go over UDP and TCP ([ListenUDPTCP], the default), TCP
// alone ([ListenTCP]), mutual TLS ([ListenTLS]), memory (package mustertest), or a
// [Transport] of yours.
//
// The decisions are made in packages swim and record, which have no goroutine,
// clock or socket and can be driven by hand; package sim runs thousands of them.
package muster
