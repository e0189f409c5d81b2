package service

import (
	"container/heap"
	"time"
)

// timer is something to be done at a time. Whoever set it looks, when it runs,
// whether it still applies.
type timer struct {
	at  time.Time
	seq int64
	run func()
}

// timers are due in order of time, and of setting where times are equal.
type timers struct {
	heap timerHeap
	seq  int64
}

func (t *timers) push(at time.Time, run func()) {
	t.seq++
	heap.Push(&t.heap, timer{at, t.seq, run})
}

// pop takes the first timer that is due until a time.
func (t *timers) pop(until time.Time) (timer, bool) {
	if len(t.heap) == 0 || t.heap[0].at.After(until) {
		return timer{}, false
	}
	return heap.Pop(&t.heap).(timer), true
}

func (t *timers) next() (time.Time, bool) {
	if len(t.heap) == 0 {
		return time.Time{}, false
	}
	return t.heap[0].at, true
}

type timerHeap []timer

func (h timerHeap) Len() int      { return len(h) }
func (h timerHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)   { *h = append(*h, x.(timer)) }

func (h timerHeap) Less(i, j int) bool {
	if h[i].at.Equal(h[j].at) {
		return h[i].seq < h[j].seq
	}
	return h[i].at.Before(h[j].at)
}

func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return t
}
