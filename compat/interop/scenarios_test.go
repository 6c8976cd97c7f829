package interop

// scenarios is the matrix, the slowest stories first so that the run does not
// end with one of them alone.
var scenarios = []scenario{
	{name: "partition-long", trouble: absence, kinds: sevenNodes, settings: []setting{plain.local(), layeredIPv6.local()}, play: partitionLong},
	{name: "partition-long-one-side", trouble: absence, settings: []setting{plain.local(), layered.local()}, play: partitionOneSide},
	{name: "crowd", trouble: absence, kinds: crowd, settings: []setting{plain, layered}, play: crowded},
	{name: "steady", trouble: calm, settings: []setting{plain.local(), layered.local()}, play: steady},
	{name: "partition", trouble: absence, kinds: sevenNodes, settings: chosenSetting, play: partitionShort},
	{name: "freeze", trouble: absence, kinds: sevenNodes, settings: chosenSetting, play: freeze},
	{name: "kill", trouble: absence, kinds: sevenNodes, settings: chosenSetting, play: kill},
	{name: "restart-after-death", trouble: absence, kinds: sevenNodes, settings: chosenSetting, play: restartAfterDeath},
	{name: "restart-at-once", trouble: absence, kinds: sevenNodes, settings: chosenSetting, play: restartAtOnce},
	{name: "restart-moved", trouble: calm, kinds: sevenNodes, settings: chosenSetting, play: restartMoved},
	{name: "rotate-keys", trouble: rekeying, settings: []setting{encrypted, layeredIPv6}, play: rotateKeys},
	{name: "strangers", trouble: intrusion, settings: []setting{layered, layeredIPv6}, play: strangers},
	{name: "namesake", trouble: namesakes, settings: []setting{plain, layered}, play: namesake},
	{name: "leave", trouble: calm, kinds: sevenNodes, settings: everySetting, play: leave},
	{name: "join", trouble: calm, settings: everySetting, play: join},
	{name: "join-memberlist-first", trouble: calm, kinds: []kind{memberlist07, muster, memberlist05, muster}, settings: chosenSetting, play: join},
	{name: "join-old-memberlist-first", trouble: calm, kinds: []kind{memberlist05, muster, memberlist07, muster}, settings: chosenSetting, play: join},
	{name: "join-chain", trouble: calm, kinds: sevenNodes, settings: chosenSetting, play: joinChain},
	{name: "join-before-seed", trouble: calm, settings: []setting{plain, layered}, play: joinBeforeSeed},
	{name: "merge", trouble: calm, kinds: []kind{muster, muster, memberlist07, memberlist05}, settings: chosenSetting, play: merge},
	{name: "pair-0.7.0", trouble: calm, kinds: pair07, settings: chosenSetting, play: converse},
	{name: "pair-0.5.4", trouble: calm, kinds: pair05, settings: chosenSetting, play: converse},
	{name: "send", trouble: calm, settings: everySetting, play: send},
	{name: "broadcast", trouble: calm, settings: everySetting, play: broadcast},
	{name: "metadata", trouble: calm, settings: append([]setting{encrypted, mixedLZW}, chosenSetting...), play: metadata},
}

// smoke is what -short runs, for every change: one cluster, under a minute.
var smoke = []scenario{
	{name: "smoke", trouble: absence, settings: []setting{layered.local()}, play: smokeStory},
}
