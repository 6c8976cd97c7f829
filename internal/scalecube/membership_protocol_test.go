package scalecube

import "testing"

// membershipProtocol is MembershipProtocolTest.
var membershipProtocol = []scenario{
	{"testLeaveCluster", testLeaveCluster},
	{"testLeaveClusterCameBeforeAlive", testLeaveClusterCameBeforeAlive},
	{"testLeaveClusterOnly", testLeaveClusterOnly},
	{"testLeaveClusterOnSuspectedNode", testLeaveClusterOnSuspectedNode},
	{"testLeaveClusterOnAliveAndSuspectedNode", testLeaveClusterOnAliveAndSuspectedNode},
	{"testInitialPhaseOk", testInitialPhaseOk},
	{"testNetworkPartitionDueNoOutboundThenRecover", testNetworkPartitionDueNoOutboundThenRecover},
	{"testMemberLostNetworkDueNoOutboundThenRecover", testMemberLostNetworkDueNoOutboundThenRecover},
	{"testNetworkPartitionTwiceDueNoOutboundThenRecover", testNetworkPartitionTwiceDueNoOutboundThenRecover},
	{"testNetworkLostOnAllNodesDueNoOutboundThenRecover", testNetworkLostOnAllNodesDueNoOutboundThenRecover},
	{"testLongNetworkPartitionDueNoOutboundThenRemoved", testLongNetworkPartitionDueNoOutboundThenRemoved},
	{"testRestartStoppedMembers", testRestartStoppedMembers},
	{"testRestartStoppedMembersOnSameAddresses", testRestartStoppedMembersOnSameAddresses},
	{"testLimitedSeedMembers", testLimitedSeedMembers},
	{"testOverrideMemberAddress", testOverrideMemberAddress},
	{"testNodeJoinClusterWithNoInbound", testNodeJoinClusterWithNoInbound},
	{"testNodeJoinClusterWithNoInboundThenInboundRecover", testNodeJoinClusterWithNoInboundThenInboundRecover},
	{"testNetworkPartitionDueNoInboundThenRemoved", testNetworkPartitionDueNoInboundThenRemoved},
	{"testNetworkPartitionDueNoInboundUntilRemovedThenInboundRecover", testNetworkPartitionDueNoInboundUntilRemovedThenInboundRecover},
	{"testNetworkPartitionBetweenTwoMembersDueNoInbound", testNetworkPartitionBetweenTwoMembersDueNoInbound},
	{"testNetworkPartitionBetweenTwoMembersDueNoOutbound", testNetworkPartitionBetweenTwoMembersDueNoOutbound},
	{"testNetworkPartitionBetweenTwoMembersDueNoTrafficAtAll", testNetworkPartitionBetweenTwoMembersDueNoTrafficAtAll},
	{"testNetworkPartitionManyDueNoInboundThenRemovedThenRecover", testNetworkPartitionManyDueNoInboundThenRemovedThenRecover},
}

func TestMembershipProtocol(t *testing.T) { play(t, membershipProtocol, asInJava, asInMuster) }
