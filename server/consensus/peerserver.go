package consensus

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"sync"
	"time"
)

// maxAsked bounds the calls of one connection that wait for their answers, and
// maxQuestions those among them that need a goroutine each.
const (
	maxAsked     = 16384
	maxQuestions = 16
)

// peerServer serves one connection of another server.
type peerServer struct {
	node *Node
	from string
	conn net.Conn

	asked     chan struct{} // a slot for each call without an answer
	questions chan struct{}
	out       chan []byte // as many places as asked: an answer never waits for the connection
	open      sync.WaitGroup
}

// servePeer answers the calls of another server until the connection ends.
func (n *Node) servePeer(from string, c net.Conn) {
	s := &peerServer{
		node: n, from: from, conn: c,
		asked:     make(chan struct{}, maxAsked),
		questions: make(chan struct{}, maxQuestions),
		out:       make(chan []byte, maxAsked),
	}
	var writer sync.WaitGroup
	writer.Add(1)
	go func() {
		defer writer.Done()
		s.write()
	}()
	err := s.read()
	n.log.Debug("a server hung up", "server", from, "err", err)
	_ = c.Close() // the writer ends, too
	s.open.Wait()
	close(s.out)
	writer.Wait()
}

// read takes calls off the connection and has them answered.
func (s *peerServer) read() error {
	r := bufio.NewReaderSize(s.conn, 64<<10)
	for {
		f, err := readFrame(r)
		if err != nil {
			return err
		}
		s.asked <- struct{}{} // full: the caller has to wait
		s.open.Add(1)
		if err := s.dispatch(f, func(r reply) {
			s.out <- encodeReply(f.id, r)
			s.open.Done()
		}); err != nil {
			return err
		}
	}
}

// dispatch starts what a call asks for. done is called exactly once.
func (s *peerServer) dispatch(f frame, done func(reply)) error {
	switch f.kind {
	case askPropose:
		s.propose(f.body, done)
	case askReadIndex:
		s.node.reads.ask(func(index uint64, err error) {
			if err != nil {
				done(failReply(replyNotLeader, err))
				return
			}
			done(indexReply(index, nil))
		})
	case askHealth:
		done(s.node.health(s.from))
	case askInfo, askFound, askAdmin:
		s.questions <- struct{}{}
		go func() {
			defer func() { <-s.questions }()
			done(s.question(f))
		}()
	default:
		err := fmt.Errorf("call of unknown kind %d", f.kind)
		done(failReply(replyRefused, err))
		return err
	}
	return nil
}

// propose passes a forwarded command on, when this server leads.
func (s *peerServer) propose(body []byte, done func(reply)) {
	c, rest, err := readCommand(body)
	if err == nil && len(rest) != 0 {
		err = fmt.Errorf("%d bytes behind the command", len(rest))
	}
	if err == nil && len(c.data) > s.node.opts.MaxCommand {
		err = fmt.Errorf("%w: %d bytes", ErrTooLarge, len(c.data))
	}
	if err != nil {
		done(failReply(replyRefused, err))
		return
	}
	s.node.counters.forwardedIn.Add(1)
	s.node.submit.add(proposal{data: body, done: done})
}

// question answers what may take a while.
func (s *peerServer) question(f frame) reply {
	switch f.kind {
	case askInfo:
		return jsonReply(s.node.info())
	case askFound:
		var q founding
		if err := json.Unmarshal(f.body, &q); err != nil {
			return failReply(replyRefused, err)
		}
		return s.node.promise(s.from, q)
	default:
		var q adminRequest
		if err := json.Unmarshal(f.body, &q); err != nil {
			return failReply(replyRefused, err)
		}
		return s.node.administer(q)
	}
}

func jsonReply(v any) reply {
	b, err := json.Marshal(v)
	if err != nil {
		return failReply(replyRefused, err)
	}
	return okReply(b)
}

// write sends the answers, as many as there are with one system call.
func (s *peerServer) write() {
	w := bufio.NewWriterSize(s.conn, 64<<10)
	var broken error
	for b := range s.out {
		<-s.asked
		if broken != nil {
			continue
		}
		if broken = s.conn.SetWriteDeadline(time.Now().Add(10 * time.Second)); broken == nil {
			_, broken = w.Write(b)
		}
		if broken == nil && len(s.out) == 0 {
			broken = w.Flush()
		}
		if broken != nil {
			_ = s.conn.Close() // the reader ends
		}
	}
}

// Flags of an answer to askHealth.
const (
	healthReplicating = 1 << 0 // the leader's entries reach the asker
	healthSettled     = 1 << 1 // the asker has the vote it is going to have
)

// health tells a follower how far the log is, and whether it is being served.
func (n *Node) health(from string) reply {
	index, err := n.committed()
	if err != nil {
		return failReply(replyNotLeader, err)
	}
	var flags byte
	if n.trans.replicating(from) {
		flags |= healthReplicating
	}
	if n.settled(from) {
		flags |= healthSettled
	}
	return okReply(append(binary.BigEndian.AppendUint64(nil, index), flags))
}
