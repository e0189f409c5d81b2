package board

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// Result is what a command left behind. Exit is its exit status.
type Result struct {
	Exit           int
	Stdout, Stderr string
}

// answer is the internal kind of an agent's reply in the log. It keeps the
// order between replies and restarts of the guest.
const answer Kind = 255

// maxFrame bounds one reply of the guest's agent.
const maxFrame = 16 << 20

// readAgent turns the agent's lines into events until the connection ends.
func (b *Board) readAgent(conn net.Conn) {
	scan := bufio.NewScanner(conn)
	scan.Buffer(nil, maxFrame)
	for scan.Scan() {
		verb, rest, _ := strings.Cut(scan.Text(), " ")
		switch verb {
		case "alive":
			b.log.alive()
		case "hello":
			b.mu.Lock()
			b.ready = true
			b.mu.Unlock()
			b.log.add(Hello, rest)
		case "done":
			b.log.add(answer, rest)
		}
	}
}

// Ready reports whether the guest's agent has said hello since power-on.
func (b *Board) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready
}

// Run runs a shell script inside the guest and waits for its end. It fails
// with ErrRestarts when the guest restarts meanwhile, ErrOff when the board
// goes off, ErrSilent as Log.Wait does. A script that exits with a status is
// no error.
func (b *Board) Run(ctx context.Context, script string) (Result, error) {
	b.mu.Lock()
	agent, ready := b.agent, b.ready
	b.asked++
	id := strconv.Itoa(b.asked)
	mark := b.log.Mark()
	b.mu.Unlock()
	if agent == nil {
		return Result{}, fmt.Errorf("run %q in the guest: %w", script, ErrOff)
	}
	if !ready {
		return Result{}, fmt.Errorf("cannot run %q in the guest because its user space has not reported yet: wait for a Hello", script)
	}
	frame := fmt.Sprintf("run %s %s\n", id, base64.StdEncoding.EncodeToString([]byte(script)))
	if _, err := agent.Write([]byte(frame)); err != nil {
		return Result{}, fmt.Errorf("run %q in the guest: %w", script, err)
	}
	got, _, err := b.log.Wait(ctx, mark, func(e Event) bool {
		return e.Kind == Hello || e.Kind == answer && strings.HasPrefix(e.Text, id+" ")
	})
	if err != nil {
		return Result{}, fmt.Errorf("run %q in the guest: %w", script, err)
	}
	if got.Kind == Hello {
		return Result{}, fmt.Errorf("run %q in the guest: %w", script, ErrRestarts)
	}
	return parseResult(got.Text)
}

// parseResult reads "ID EXIT o:BASE64 e:BASE64".
func parseResult(text string) (Result, error) {
	words := strings.Fields(text)
	if len(words) != 4 {
		return Result{}, fmt.Errorf("cannot read the guest's answer %.80q: it has %d words, not 4", text, len(words))
	}
	exit, err := strconv.Atoi(words[1])
	stdout, err1 := decode(words[2], "o:")
	stderr, err2 := decode(words[3], "e:")
	if err := errors.Join(err, err1, err2); err != nil {
		return Result{}, fmt.Errorf("read the guest's answer %.80q: %w", text, err)
	}
	return Result{Exit: exit, Stdout: stdout, Stderr: stderr}, nil
}

func decode(word, prefix string) (string, error) {
	text, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(word, prefix))
	return string(text), err
}
