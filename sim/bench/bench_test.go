// Package bench measures whole installs by the built abota binary, from a real
// MinIO into a slot that is a plain file, beside the older scripts' Python on
// the same bucket, slot and machine in the same run. `make bench` runs it.
//
// # Guarantee
//
// Every run starts from the same state: the slot full of a pattern, written
// out and out of the page cache; the release in the server's page cache; an
// empty state folder. After every run the whole slot is compared with the
// image. A run that fails or differs ends the benchmark.
//
// # What is counted
//
// Wall time from start to exit, plus an fsync of the slot afterwards, so that
// a program which leaves that out is charged for it. CPU is user and system
// time of the program. Peak memory is the kernel's VmHWM of the process: the
// resource usage that wait returns begins with the memory of who forked. The
// server's CPU is in nobody's figure, but it shares the cores.
//
// # Not guaranteed
//
// Times on another machine. Only ratios within one run mean something.
//
// What is made for it is kept in the user's cache, abota/bench: the root file
// system, the release of it, and the store's objects. BENCH_RUNS sets the runs
// for each program (5).
package bench

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

// The budgets that the table is read against.
const (
	budgetRatio = 0.40
	budgetMiB   = 32
)

func runs(b *testing.B) int {
	text := os.Getenv("BENCH_RUNS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("BENCH_RUNS is %q: give a number of runs", text)
	}
	return n
}

// BenchmarkInstall installs a real root file system by both programs in turn.
func BenchmarkInstall(b *testing.B) {
	w := newWorld(b)
	rel := w.rootRelease(b)
	var abota, seed series
	for round := range runs(b) {
		both := []func(){
			func() { abota.add(w.measure(b, w.abota(b, rel), rel)) },
			func() { seed.add(w.measure(b, w.seed(b, rel), rel)) },
		}
		if round%2 == 1 {
			slices.Reverse(both)
		}
		for _, one := range both {
			one()
		}
	}
	ratio := abota.wall().Seconds() / seed.wall().Seconds()
	print(b, fmt.Sprintf("classic install of a Debian root, image %d MiB, token %.1f MiB", rel.size>>20, mib(rel.token)), [][]string{
		{"", "wall s", "(least to most)", "CPU s", "peak MiB"},
		seed.row("the older Python"),
		abota.row("abota"),
		{"ratio", fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.2f of the least", abota.least().Seconds()/seed.least().Seconds()), fmt.Sprintf("%.2f", abota.cpu().Seconds()/seed.cpu().Seconds()), fmt.Sprintf("%.3f", abota.peak()/seed.peak())},
		{"goal", fmt.Sprintf("%.2f", budgetRatio), "", "", fmt.Sprintf("%d", budgetMiB)},
	})
	b.ReportMetric(ratio, "ratio")
	b.ReportMetric(float64(rel.size)/1e6/abota.wall().Seconds(), "MB/s")
}

// BenchmarkMemory installs a small and a large image: the peak must not grow.
func BenchmarkMemory(b *testing.B) {
	w := newWorld(b)
	rows := [][]string{{"image MiB", "token MiB", "wall s", "CPU s", "peak MiB", fmt.Sprintf("budget %d MiB", budgetMiB)}}
	for _, size := range []int64{64 << 20, 4 << 30} {
		rel := w.madeRelease(b, size)
		m := w.measure(b, w.abota(b, rel), rel)
		verdict := "within"
		if m.peak > budgetMiB<<20 {
			verdict = "OVER"
		}
		rows = append(rows, []string{
			fmt.Sprint(size >> 20), fmt.Sprintf("%.1f", mib(rel.token)), seconds(m.wall), seconds(m.cpu), fmt.Sprintf("%.1f", mib(m.peak)), verdict,
		})
		b.ReportMetric(mib(m.peak), fmt.Sprintf("MiB-at-%dMiB", size>>20))
	}
	print(b, "peak resident memory of an install by abota", rows)
}

// series is all runs of one program.
type series []measured

func (s *series) add(m measured) { *s = append(*s, m) }

func (s series) wall() time.Duration {
	return median(s, func(m measured) time.Duration { return m.wall })
}

func (s series) cpu() time.Duration {
	return median(s, func(m measured) time.Duration { return m.cpu })
}
func (s series) peak() float64 { return mib(median(s, func(m measured) int64 { return m.peak })) }

func (s series) least() time.Duration { return slices.MinFunc(s, byWall).wall }
func (s series) most() time.Duration  { return slices.MaxFunc(s, byWall).wall }

func byWall(a, b measured) int { return cmp.Compare(a.wall, b.wall) }

func (s series) row(name string) []string {
	return []string{name, seconds(s.wall()), seconds(s.least()) + " to " + seconds(s.most()), seconds(s.cpu()), fmt.Sprintf("%.1f", s.peak())}
}

func median[T ~int64](s series, of func(measured) T) T {
	all := make([]T, len(s))
	for i, m := range s {
		all[i] = of(m)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

func mib(n int64) float64 { return float64(n) / (1 << 20) }

func print(b *testing.B, title string, rows [][]string) {
	b.Helper()
	fmt.Printf("\n%s\n", title)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', tabwriter.AlignRight)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
	}
	if err := t.Flush(); err != nil {
		b.Fatal(err)
	}
	fmt.Println()
}
