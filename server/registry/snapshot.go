package registry

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"slices"
)

// A snapshot is a header and then entries, each with its length and CRC32C.
// The last one says how many came before it, so that a torn file is seen.
const (
	snapshotVersion = 1
	snapshotMagic   = "mustreg"

	entryService   = 1
	entryNamespace = 2
	entryDocument  = 3
	entryEnd       = 4

	// maxEntry bounds an entry: a service with as many instances as it may have.
	maxEntry = 1 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Snapshot takes what the servers have agreed on as it is now, and returns
// what writes it. It must be called as Apply is; the writing may go on beside
// later calls.
func (r *Registry) Snapshot() (write func(io.Writer) error, err error) {
	f := &r.fsm
	type entry struct {
		key ServiceKey
		t   *settled
	}
	services := make([]entry, 0, len(f.services))
	for k, t := range f.services {
		services = append(services, entry{k, t})
	}
	f.mu.Lock()
	f.epoch++ // what is changed from now on is copied before
	namespaces := maps.Clone(f.namespaces)
	documents := make(map[string]map[string][]byte, len(f.documents))
	for b, d := range f.documents {
		documents[b] = maps.Clone(d)
	}
	f.mu.Unlock()
	index := f.index.Load()

	return func(out io.Writer) error {
		w := &snapshotWriter{out: bufio.NewWriterSize(out, 64<<10)}
		w.header(index)
		for _, e := range services {
			w.entry(entryService, appendSettled(appendKey(nil, e.key), e.t))
		}
		for _, n := range namespaces {
			w.entry(entryNamespace, appendText(appendText(appendText(nil, n.ID), n.Name), n.Description))
		}
		for b, d := range documents {
			for k, v := range d {
				w.entry(entryDocument, appendText(appendText(appendText(nil, b), k), v))
			}
		}
		return w.close()
	}, nil
}

// appendSettled encodes what is agreed on about a service. It reads what no
// one changes: see fsm.epoch.
func appendSettled(b []byte, t *settled) []byte {
	b = appendUint(b, t.stamp)
	b = appendBool(b, t.decl != nil)
	if t.decl != nil {
		b = appendDeclaration(b, t.decl)
	}
	b = appendUint(b, uint64(len(t.instances)))
	for _, i := range t.instances {
		b = appendInstance(b, i)
	}
	b = appendUint(b, uint64(len(t.overlays)))
	for k, o := range t.overlays {
		b = appendInstanceKeys(b, []InstanceKey{k})
		b = appendOverlay(b, o.Enabled, o.Weight)
		b = appendMetadata(b, o.Meta)
	}
	return b
}

func (r *reader) settled() *settled {
	t := &settled{stamp: r.uint()}
	if r.bool() {
		t.decl = r.declaration()
	}
	var before *Instance
	for range r.count(minInstance) {
		var meta *Metadata
		if before != nil {
			meta = before.Meta
		}
		i := r.instance(meta)
		if before != nil {
			i.Cluster = internCluster(i.Cluster, []string{before.Cluster})
		}
		before = &i
		t.instances = append(t.instances, &i)
	}
	for range r.count(5) {
		keys := r.instanceKeys()
		if len(keys) != 1 {
			r.fail("overlay")
			break
		}
		if t.overlays == nil {
			t.overlays = make(map[InstanceKey]*Overlay)
		}
		o := &Overlay{}
		o.Enabled, o.Weight = r.overlay()
		o.Meta = r.metadata()
		t.overlays[keys[0]] = o
	}
	return t
}

// Restore puts what a snapshot holds in the place of what was agreed on. After
// an error the registry is as before.
func (r *Registry) Restore(in io.Reader) error {
	n := fsm{}
	n.init()
	index, err := readSnapshot(in, &n)
	if err != nil {
		return fmt.Errorf("snapshot: %w", err)
	}
	before := r.fsm.services
	r.fsm.services = make(map[ServiceKey]*settled, len(n.services))
	r.fsm.mu.Lock()
	r.fsm.namespaces, r.fsm.documents, r.fsm.docCount = n.namespaces, n.documents, n.docCount
	r.switches.load(n.documents[switchBucket])
	r.fsm.mu.Unlock()
	for key, t := range n.services {
		r.replace(key, t)
		delete(before, key)
	}
	for key := range before {
		r.replace(key, &settled{deleted: true})
	}
	r.fsm.index.Store(index)
	return nil
}

func (r *Registry) replace(key ServiceKey, t *settled) {
	t.epoch = r.fsm.epoch
	s := r.obtain(key)
	first, last := r.place(s, t)
	s.bump(t.stamp)
	s.mu.Unlock()
	r.tell(s, first)
	if last {
		r.observer.Removed(s.key)
	}
}

type snapshotWriter struct {
	out   *bufio.Writer
	count uint64
	err   error
}

func (w *snapshotWriter) header(index uint64) {
	b := append([]byte(snapshotMagic), snapshotVersion)
	w.write(binary.BigEndian.AppendUint64(b, index))
}

func (w *snapshotWriter) entry(kind byte, body []byte) {
	w.count++
	b := append([]byte{kind}, binary.BigEndian.AppendUint32(nil, uint32(len(body)))...)
	w.write(binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli)))
	w.write(body)
}

func (w *snapshotWriter) write(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
	}
}

func (w *snapshotWriter) close() error {
	w.entry(entryEnd, appendUint(nil, w.count))
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

var errSnapshot = errors.New("damaged")

func readSnapshot(in io.Reader, f *fsm) (index uint64, err error) {
	br := bufio.NewReaderSize(in, 64<<10)
	head := make([]byte, len(snapshotMagic)+1+8)
	if _, err := io.ReadFull(br, head); err != nil {
		return 0, fmt.Errorf("header: %w", err)
	}
	if string(head[:len(snapshotMagic)]) != snapshotMagic || head[len(snapshotMagic)] != snapshotVersion {
		return 0, fmt.Errorf("%w: not a snapshot of version %d", errSnapshot, snapshotVersion)
	}
	index = binary.BigEndian.Uint64(head[len(snapshotMagic)+1:])
	for count := uint64(0); ; count++ {
		kind, body, err := readEntry(br)
		if err != nil {
			return 0, err
		}
		e := &reader{b: body}
		switch kind {
		case entryService:
			key := e.key()
			f.services[key] = e.settled()
		case entryNamespace:
			n := Namespace{ID: e.text(), Name: e.text(), Description: e.text()}
			f.namespaces[n.ID] = n
		case entryDocument:
			f.setDocument(e.text(), e.text(), slices.Clone(e.bytes()))
		case entryEnd:
			if e.uint() != count || e.done() != nil {
				return 0, fmt.Errorf("%w: entries are missing", errSnapshot)
			}
			return index, nil
		default:
			return 0, fmt.Errorf("%w: entry of kind %d", errSnapshot, kind)
		}
		if err := e.done(); err != nil {
			return 0, err
		}
	}
}

func readEntry(br *bufio.Reader) (kind byte, body []byte, err error) {
	var head [9]byte
	if _, err := io.ReadFull(br, head[:]); err != nil {
		return 0, nil, fmt.Errorf("entry: %w", err)
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxEntry {
		return 0, nil, fmt.Errorf("%w: entry of %d bytes", errSnapshot, n)
	}
	body, err = readAll(br, int(n))
	if err != nil {
		return 0, nil, fmt.Errorf("entry: %w", err)
	}
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(head[5:]) {
		return 0, nil, fmt.Errorf("%w: checksum", errSnapshot)
	}
	return head[0], body, nil
}

// readAll reads n bytes, and takes memory as they come: n may be a lie.
func readAll(in io.Reader, n int) ([]byte, error) {
	var b []byte
	for len(b) < n {
		chunk := make([]byte, min(n-len(b), 1<<20))
		m, err := io.ReadFull(in, chunk)
		b = append(b, chunk[:m]...)
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}
