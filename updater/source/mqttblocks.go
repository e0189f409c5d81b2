package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// maxGaps is how many requests are made at once for what is missing.
	maxGaps = 8
	// maxFruitless is how many times in a row what is missing is asked for, and
	// nothing new comes, before a connection counts as failed.
	maxFruitless = 3
)

// blocks reads a part of the file: it has two requests under way at most, takes
// blocks in any order, and hands out their bytes in the file's. It holds
// 256 KiB of blocks that were asked for, and the one that is being read.
type blocks struct {
	*talk
	ctx     context.Context
	version int64
	per     int64 // blocks that one request asks for
	end     int64 // the block behind the last one
	until   int64 // the byte behind the last one

	current   []byte    // what is left of the block that is being read
	offset    int64     // of its next byte in the file
	since     time.Time // the last request, or the last new block
	fruitless int
	published error   // the last request's
	refusal   *answer // of a request, since the last news; it may pass

	// Under talk.mu: blocks from next up to asked were asked for; here are
	// those that came and were not read.
	next, asked int64
	here        map[int64][]byte
	fresh       bool // one came since the last look
}

func newBlocks(ctx context.Context, t *talk, version, from, to int64) *blocks {
	size := t.f.block
	b := &blocks{
		talk: t, ctx: ctx, version: version, per: max(1, maxRequest/size),
		end: (to + size - 1) / size, until: to, offset: from,
		next: from / size, asked: from / size, here: map[int64][]byte{}, since: time.Now(),
	}
	t.mu.Lock()
	t.take = b.take
	t.mu.Unlock()
	return b
}

// take keeps a block that was asked for and is not here yet. An error says
// what is wrong with it; one that comes twice, or late, is not.
func (b *blocks) take(d data) error {
	if d.index < b.next || d.index >= b.asked || b.here[d.index] != nil {
		if d.index >= (b.f.o.Size+b.f.block-1)/b.f.block {
			return fmt.Errorf("block %d is behind the end", d.index)
		}
		return errStale
	}
	want := min(b.f.block, b.f.o.Size-d.index*b.f.block)
	switch {
	case int64(len(d.payload)) != want:
		return fmt.Errorf("block %d has %d bytes instead of %d", d.index, len(d.payload), want)
	case d.length != want && d.length != b.f.block: // brokers of tests say what was asked for
		return fmt.Errorf("block %d says that it has %d bytes instead of %d", d.index, d.length, want)
	}
	b.here[d.index], b.fresh = d.payload, true
	return nil
}

// errStale is a block that is of no use, and no fault either.
var errStale = errors.New("its blocks are not those that were asked for")

// Read waits for the next block, and asks for more as there is room.
func (b *blocks) Read(p []byte) (int, error) {
	for len(b.current) == 0 {
		if b.offset >= b.until {
			return 0, io.EOF
		}
		if err := b.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.current)
	b.current, b.offset = b.current[n:], b.offset+int64(n)
	return n, nil
}

// advance makes the next block the current one, or waits for one.
func (b *blocks) advance() error {
	block, rejected := b.pop()
	switch {
	case block != nil:
		start := b.offset / b.f.block * b.f.block
		b.current = block[b.offset-start : min(int64(len(block)), b.until-start)]
		return nil
	case rejected != nil && rejected.final:
		return rejected
	case rejected != nil:
		b.refusal = rejected
	}
	if b.fruitless >= maxFruitless {
		return b.inVain()
	}
	b.request(b.more())
	if b.published != nil && b.f.o.Denied(b.published) {
		return errMayNotAsk
	}
	ev, err := b.wait(b.ctx, b.patience()-time.Since(b.since))
	switch {
	case err != nil:
		return err
	case ev == isNews:
		return nil
	}
	// The answers to what was asked for were lost, with the connection or
	// without.
	b.fruitless++
	b.request(b.gaps())
	return nil
}

// patience is how long nothing new may come: less after a refusal, since then
// there is nothing to wait for.
func (b *blocks) patience() time.Duration {
	if b.refusal == nil {
		return b.f.retryAfter()
	}
	return min(b.f.o.Retry.First<<b.fruitless, b.f.retryAfter())
}

func (b *blocks) inVain() error {
	if b.refusal != nil {
		return b.refusal
	}
	return b.silence(b.ctx, b.published)
}

// pop takes the next block out, if it is here, or a rejection that has come.
func (b *blocks) pop() ([]byte, *answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if block := b.here[b.next]; block != nil {
		delete(b.here, b.next)
		b.next++
		return block, nil
	}
	rejected := b.rejected
	b.rejected = nil
	if b.fresh {
		b.fresh, b.since, b.fruitless, b.refusal = false, time.Now(), 0, nil
	}
	return nil, rejected
}

// run is count blocks from offset.
type run struct{ offset, count int64 }

// more is what is asked for next, so that two requests are under way at most.
func (b *blocks) more() (runs []run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.asked < b.end && b.asked-b.next <= b.per {
		count := min(b.per, b.end-b.asked)
		runs = append(runs, run{b.asked, count})
		b.asked += count
	}
	return runs
}

// gaps is what was asked for and is not here, each in a run of its own; of many
// the last one holds more than is missing.
func (b *blocks) gaps() (runs []run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := b.next; i < b.asked; i++ {
		last := len(runs) - 1
		switch {
		case b.here[i] != nil:
		case last >= 0 && runs[last].count < b.per && (runs[last].offset+runs[last].count == i || len(runs) == maxGaps && i-runs[last].offset < b.per):
			runs[last].count = i - runs[last].offset + 1
		case len(runs) < maxGaps:
			runs = append(runs, run{i, 1})
		}
	}
	return runs
}

// request asks for runs of blocks. Where that fails the timer, or the next
// connection, has it repeated.
func (b *blocks) request(runs []run) {
	for _, r := range runs {
		b.since = time.Now()
		g := get{b.token, b.version, int64(b.f.o.FileID), b.f.block, r.offset, r.count}
		if b.published = b.f.o.Link.Publish(b.ctx, b.f.topic("get"), b.f.codec.get(g)); b.published != nil {
			return
		}
	}
}

// Close ends the exchange.
func (b *blocks) Close() error {
	b.stop()
	return nil
}
