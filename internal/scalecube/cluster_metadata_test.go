package scalecube

import (
	"fmt"
	"maps"
	"time"

	"github.com/musterhq/muster"
)

// ClusterTest, on metadata.

// properties is the metadata of the Java suite, which is a map.
type properties map[string]string

// change has one of 12 nodes change its metadata, and waits until each of the 10
// observers, who know of nobody but the seed at first, has it. Java waits until
// its update is over, which is after periodsToSpread = 3*ceilLog2(12) gossip
// intervals of 200 ms, and looks then.
func (s *stage) changeMetadata(before, after properties) {
	names := []string{"seed", "updater"}
	s.start("seed", nil)
	s.start("updater", []string{"seed"})
	if err := muster.SetMetaAs(s.nodes["updater"], before); err != nil {
		s.Fatal(err)
	}
	for i := range 10 {
		name := fmt.Sprintf("observer%d", i)
		s.start(name, []string{"seed"})
		names = append(names, name)
	}
	s.await(3*time.Second, everybody(names...))
	s.awaitMetadata(2400*time.Millisecond, names, "updater", before)
	if err := muster.SetMetaAs(s.nodes["updater"], after); err != nil {
		s.Fatal(err)
	}
	s.awaitMetadata(2400*time.Millisecond, names, "updater", after)
	for _, name := range names {
		updates := s.told(name, "updater", muster.MemberUpdated)
		if name == "updater" && len(updates) == 2 {
			updates = updates[1:]
		}
		if last := len(updates) - 1; last < 0 || !has(muster.Member{Meta: updates[last].OldMeta}, before) || !has(updates[last].Member, after) {
			s.Errorf("%s told of the updates %+v", name, updates)
		}
	}
}

func has(m muster.Member, want properties) bool {
	got, err := muster.MetaAs[properties](m)
	return err == nil && maps.Equal(got, want)
}

func (s *stage) awaitMetadata(limit time.Duration, observers []string, of string, want properties) {
	s.Helper()
	s.awaitThat(limit, fmt.Sprintf("everybody has %v of %s", want, of), func() bool {
		for _, name := range observers {
			if m, _ := s.nodes[name].Member(of); !has(m, want) {
				return false
			}
		}
		return true
	})
}

func testUpdateMetadata(s *stage) {
	s.changeMetadata(properties{"key1": "value1"}, properties{"key1": "value3"})
}

func testUpdateMetadataProperty(s *stage) {
	s.changeMetadata(properties{"key1": "value1", "key2": "value2"}, properties{"key1": "value1", "key2": "value3"})
}

func testRemoveMetadataProperty(s *stage) {
	s.changeMetadata(properties{"key1": "value1", "key2": "value2"}, properties{"key1": "value1"})
}

func testMemberMetadataRemoved(s *stage) {
	s.change = gracefully
	s.startAll("seed", "leaver")
	want := properties{"zone": "eu"}
	if err := muster.SetMetaAs(s.nodes["leaver"], want); err != nil {
		s.Fatal(err)
	}
	s.awaitMetadata(2*time.Second, []string{"seed"}, "leaver", want)
	s.leave("leaver")
	s.awaitStory(time.Second, "seed", "leaver", "joined updated leaving left")
	for _, e := range s.told("seed", "leaver", muster.MemberLeaving, muster.MemberLeft) {
		if !has(muster.Member{Meta: e.OldMeta}, want) {
			s.Errorf("%v: metadata %q", e.Kind, e.OldMeta)
		}
	}
}
