package bootcuts

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"abota/sim/bootcuts/plan"
)

// result is what a state came to.
type result struct {
	// Key names the state, Made says how one can come about.
	Key, Made string
	outcome
	// Why says what is wrong, empty for nothing; Sort is what started.
	Why     string `json:",omitempty"`
	Sort    string `json:",omitempty"`
	Seconds float64
}

// results are kept in a file, a line each, behind a first one that says what they
// are results of.
type results struct {
	path, inputs string
	resumed      bool
	mu           sync.Mutex
	known        map[string]result
}

// openResults reads what an earlier run came to. Results of other inputs, or
// without their disk and recording, count for nothing.
func openResults(b *bench, p plan.Plan) (*results, error) {
	inputs, err := b.inputs(p)
	if err != nil {
		return nil, err
	}
	r := &results{path: filepath.Join(b.dir, "results"), inputs: inputs, known: map[string]result{}}
	f, err := os.Open(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read earlier results: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	const longest = 1 << 20
	lines.Buffer(nil, longest)
	r.resumed = lines.Scan() && lines.Text() == inputs
	for r.resumed && lines.Scan() {
		var one result
		if json.Unmarshal(lines.Bytes(), &one) == nil {
			r.known[one.Key] = one
		}
	}
	return r, lines.Err()
}

// inputs is a digest of all that a recording depends on.
func (b *bench) inputs(p plan.Plan) (string, error) {
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(p); err != nil {
		return "", fmt.Errorf("write the plan: %w", err)
	}
	for _, name := range []string{"bootctl/uboot/boot.cmd", "bootctl/grub/grub.cfg", "bootctl/sdboot/loader.conf"} {
		text, err := b.module.Read(name)
		if err != nil {
			return "", err
		}
		h.Write(text)
	}
	for _, path := range []string{b.storer, b.parts.UBoot, b.parts.Loader} {
		if path == "" {
			continue
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("read what is booted: %w", err)
		}
		h.Write(content)
	}
	return fmt.Sprintf("%x %s", h.Sum(nil), b.parts.Kernel), nil
}

// begin starts a file of results: disk and recording are there.
func (r *results) begin() error {
	if err := os.RemoveAll(r.writes("")); err != nil {
		return fmt.Errorf("begin results: %w", err)
	}
	if err := os.MkdirAll(r.writes(""), 0o755); err != nil {
		return fmt.Errorf("begin results: %w", err)
	}
	if err := os.WriteFile(r.path, []byte(r.inputs+"\n"), 0o644); err != nil {
		return fmt.Errorf("begin results: %w", err)
	}
	return nil
}

// writes is where the log of what a loader wrote is kept, by the state that it
// booted from.
func (r *results) writes(key string) string {
	return filepath.Join(filepath.Dir(r.path), "writes", key)
}

func (r *results) of(key string) (result, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, done := r.known[key]
	return one, done
}

func (r *results) keep(one result) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known[one.Key] = one
	text, err := json.Marshal(one)
	if err != nil {
		return fmt.Errorf("keep a result: %w", err)
	}
	f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return fmt.Errorf("keep a result: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep a result: %w", err)
	}
	return nil
}
