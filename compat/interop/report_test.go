package interop

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// report is the closing table.
type report struct {
	mu   sync.Mutex
	rows []result
}

type result struct {
	scenario, cluster, setting string
	ok                         bool
	took                       time.Duration
}

var results report

func (r *report) add(one result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, one)
}

// print writes the table to standard output and, when asked, to a file.
func (r *report) print() error {
	if len(r.rows) == 0 {
		return nil
	}
	table, err := r.table()
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(table)
	if *tableFile != "" {
		err = errors.Join(err, os.WriteFile(*tableFile, []byte(table), 0o644))
	}
	return err
}

func (r *report) table() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	slices.SortStableFunc(r.rows, func(a, b result) int {
		return strings.Compare(a.scenario+a.cluster+a.setting, b.scenario+b.cluster+b.setting)
	})
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	bad := 0
	fmt.Fprintln(w, "scenario\tcluster\tsetting\tresult\ttime")
	for _, one := range r.rows {
		verdict := "ok"
		if !one.ok {
			verdict = "FAILED"
			bad++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%.1f s\n", one.scenario, one.cluster, one.setting, verdict, one.took.Seconds())
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "%d runs, %d failed\n", len(r.rows), bad)
	return b.String(), nil
}

// composition says in short what a cluster is made of, as in "2m 2s 1o": two
// muster, two memberlist 0.7.0 (s), one 0.5.4 (o).
func composition(c *cluster) string {
	if c.control {
		return "control"
	}
	var parts []string
	for _, letter := range "mso" {
		n := 0
		for _, node := range c.nodes {
			if strings.HasPrefix(node.name, string(letter)) {
				n++
			}
		}
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d%c", n, letter))
		}
	}
	return strings.Join(parts, " ")
}
