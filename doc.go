// Package muster is a library for cluster membership: processes find each
// other, learn who joined, who left and who died, and spread messages. It
// speaks hashicorp/memberlist's protocol, so that muster nodes and memberlist
// nodes form one cluster.
//
//	cfg := muster.LAN()
//	cfg.Name = "a"
//	cfg.OnEvent = func(e muster.Event) { fmt.Println(e.Kind, e.Member.Name) }
//	node, err := muster.Start(cfg)
//	...
//	node.Join(ctx, "10.0.0.1", "10.0.0.2:7946")
//
// A [Node] costs three goroutines, whatever the size of the cluster: one
// waits for the protocol's next deadline, one reads packets, one accepts
// streams. More exist only while there is something for them to do.
//
// Callbacks are never called concurrently and never under a lock: they may call
// any method of the Node, and take their time. What the network needs at once,
// such as the answer to a ping, does not wait for them.
package muster
