package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"
)

// play is the whole demo. Each phase ends when the cluster has noticed, not
// after a time; with the LAN timing a death takes 4 to 24 seconds to be sure.
func (s *stage) play(ctx context.Context) error {
	background, cancel := context.WithCancel(ctx)
	s.cancel = cancel
	s.out.legend()
	s.drawing.Go(func() { s.draw(background) })
	phases := []func(context.Context) error{
		func(ctx context.Context) error { return s.form(ctx, background) },
		func(ctx context.Context) error {
			return s.broadcast(ctx, "muster-1", "memberlist-1")
		},
		s.killAndFreeze,
		s.thaw,
		s.cutInTwo,
		s.heal,
		func(ctx context.Context) error {
			return s.broadcast(ctx, "muster-4", "memberlist-1")
		},
	}
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return err
		}
	}
	s.out.phase("done")
	return nil
}

// form starts memberlist-1, muster-1 as its guest, and the others through
// either, all with one fresh key.
func (s *stage) form(ctx, background context.Context) error {
	s.out.phase("start 5 muster agents and 2 memberlist nodes")
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	key := []string{"--key", base64.StdEncoding.EncodeToString(secret)}
	if err := s.launch(ctx, background, s.peer, "memberlist-1", key...); err != nil {
		return err
	}
	first := slices.Concat(key, []string{"--join", s.node("memberlist-1").addr})
	if err := s.launch(ctx, background, s.muster, "muster-1", first...); err != nil {
		return err
	}
	began := time.Now()
	others := slices.Concat(first, []string{"--join", s.node("muster-1").addr})
	failed := make(chan error)
	rest := []string{"muster-2", "muster-3", "muster-4", "muster-5", "memberlist-2"}
	for _, name := range rest {
		command := s.muster
		if name == "memberlist-2" {
			command = s.peer
		}
		go func() { failed <- s.launch(ctx, background, command, name, others...) }()
	}
	var errs []error
	for range rest {
		errs = append(errs, <-failed)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	all := s.running()
	err := s.await(ctx, "form one encrypted cluster", 20*time.Second, func() []gap {
		return s.believe(all, all, alive)
	})
	return s.noted(err, result{
		what: "started: 7 nodes, each sees 7", at: began, agreed: time.Now(),
		match: func(c change) bool { return c.to == alive && c.observer != c.subject },
	})
}

// killAndFreeze does three things at once, which is also harder on the
// survivors: nearly half the cluster falls silent in one moment.
func (s *stage) killAndFreeze(ctx context.Context) error {
	began := time.Now()
	s.node("muster-5").kill()
	s.node("memberlist-2").kill()
	sleeper := s.node("muster-4")
	sleeper.set(frozen)
	if err := freeze(sleeper.cmd); err != nil {
		return fmt.Errorf("freeze muster-4: %w", err)
	}
	gone := []string{"muster-5", "memberlist-2", "muster-4"}
	watchers := s.running()
	err := s.await(ctx, "kill -9 muster-5 and memberlist-2, freeze muster-4", 35*time.Second, func() []gap {
		return s.believe(watchers, gone, dead)
	})
	for _, name := range gone {
		what := name + " killed (kill -9)"
		if name == "muster-4" {
			what = name + " frozen (SIGSTOP)"
		}
		err = s.noted(err, result{what: what, at: began, suspicion: about(name, suspect), match: about(name, dead)})
	}
	return err
}

// thaw wakes the sleeper, which has been declared dead and must say that it is
// not.
func (s *stage) thaw(ctx context.Context) error {
	began := time.Now()
	sleeper := s.node("muster-4")
	if err := wake(sleeper.cmd); err != nil {
		return fmt.Errorf("wake muster-4: %w", err)
	}
	sleeper.set(up)
	all := s.running()
	err := s.await(ctx, "wake muster-4", 20*time.Second, func() []gap {
		return s.believe(all, all, alive)
	})
	return s.noted(err, result{what: "muster-4 woken (SIGCONT)", at: began, agreed: time.Now(), match: about("muster-4", alive)})
}

// The two sides of the cut. Each must declare all of the other dead.
var (
	east = []string{"muster-1", "muster-2", "memberlist-1"}
	west = []string{"muster-3", "muster-4"}
)

func (s *stage) cutInTwo(ctx context.Context) error {
	began := time.Now()
	if err := s.cut(ctx, east, west); err != nil {
		return err
	}
	err := s.await(ctx, "cut the cluster in two: muster-1 muster-2 memberlist-1 | muster-3 muster-4", 40*time.Second, func() []gap {
		return append(s.believe(east, west, dead), s.believe(west, east, dead)...)
	})
	return s.noted(err, result{
		what: "cut in two: 1 2 6 | 3 4", at: began, agreed: time.Now(),
		suspicion: across(suspect), match: across(dead),
	})
}

// heal only lets packets through again. Nobody is told to join anybody.
func (s *stage) heal(ctx context.Context) error {
	began := time.Now()
	if err := s.cut(ctx, east, nil); err != nil {
		return err
	}
	if err := s.cut(ctx, west, nil); err != nil {
		return err
	}
	all := s.running()
	gone := []string{"muster-5", "memberlist-2"}
	err := s.await(ctx, "heal it; nobody is told to join", 40*time.Second, func() []gap {
		// The dead may meanwhile have been forgotten, which is as good.
		return append(s.believe(all, all, alive), s.believe(all, gone, dead, unknown)...)
	})
	return s.noted(err, result{what: "healed: one cluster again", at: began, agreed: time.Now(), match: across(alive)})
}

// cut makes the two sides deaf and mute to each other; with an empty second
// side it lets the first reach everybody.
func (s *stage) cut(ctx context.Context, side, other []string) error {
	for _, pair := range [][2][]string{{side, other}, {other, side}} {
		addrs := []string{}
		for _, name := range pair[1] {
			addrs = append(addrs, s.node(name).addr)
		}
		if len(other) == 0 {
			addrs = []string{}
		}
		for _, name := range pair[0] {
			if err := post(ctx, s.node(name), "/debug/cut", map[string]any{"addrs": addrs}); err != nil {
				return err
			}
		}
	}
	return nil
}

func about(subject, state string) func(change) bool {
	return func(c change) bool { return c.subject == subject && c.observer != subject && c.to == state }
}

func across(state string) func(change) bool {
	return func(c change) bool {
		return c.to == state && slices.Contains(east, c.observer) != slices.Contains(east, c.subject) &&
			slices.Contains(append(east[:len(east):len(east)], west...), c.subject)
	}
}
