package muster

import (
	"bytes"
	"fmt"
	"time"
)

// watch looks at the files also while there are no handshakes.
func (s *tlsSecurity) watch() {
	tick := time.NewTicker(filesWatch)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.remind(s.current())
		case <-s.t.ctx.Done():
			return
		}
	}
}

// remind warns of a certificate that nobody has renewed in time, now and then.
func (s *tlsSecurity) remind(id *identity) {
	now, end := time.Now(), id.leaf.NotAfter
	if end.Sub(now) > end.Sub(id.leaf.NotBefore)/10 || now.Sub(s.reminded) < remindEvery {
		return
	}
	s.reminded = now
	s.t.log.Warn("this member's certificate is running out; no peer will take it after that", "until", end, "file", s.cfg.Cert)
}

// current returns the identity in use, after a look at the files if it is time
// for one. Whoever comes while another one looks does not wait.
func (s *tlsSecurity) current() *identity {
	if s.files.TryLock() {
		due := time.Since(s.checked) >= filesPace
		s.files.Unlock()
		if due {
			_ = s.reload() // was logged and counted; what there is serves on
		}
	}
	return s.id.Load()
}

// reload takes the files into use if they have changed. What is wrong with them
// it tells once.
func (s *tlsSecurity) reload() error {
	s.files.Lock()
	changed, fresh, err := s.check()
	s.files.Unlock()
	switch {
	case err != nil && fresh:
		s.t.counts.refused.Add(1)
		s.t.log.Warn("new certificates are of no use, keeping the old ones", "err", err)
	case changed:
		s.t.counts.loaded.Add(1)
		s.t.log.Info("new certificates in use")
		s.revoke(s.id.Load())
	default:
		return err
	}
	if s.cfg.OnReload != nil {
		s.cfg.OnReload(err)
	}
	return err
}

// check reads the files if they may have changed. changed says that they hold
// something new, now in use; fresh, that an error was not there before.
func (s *tlsSecurity) check() (changed, fresh bool, err error) {
	s.checked = time.Now()
	if now, err := s.cfg.stat(); err == nil && now == s.stamps && s.failed == "" {
		return false, false, nil
	}
	at, id, err := s.cfg.load()
	if err != nil {
		fresh = s.failed != err.Error()
		s.failed = err.Error()
		return false, fresh, fmt.Errorf("certificates: %w", err)
	}
	s.stamps, s.failed = at, ""
	old := s.id.Load()
	for i := range id.raw {
		changed = changed || !bytes.Equal(id.raw[i], old.raw[i])
	}
	if changed {
		s.id.Store(id)
	}
	return changed, false, nil
}
