package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"abota/cmd/internal/cli"
)

// BenchmarkBootWithNothingToDo is what every boot pays: configuration, table,
// journal, decision. The budget is 100 ms, on a device that is slower than
// what this runs on.
func BenchmarkBootWithNothingToDo(b *testing.B) {
	dir := b.TempDir()
	for _, name := range []string{"a.img", "b.img"} {
		if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 64<<10), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	config := filepath.Join(dir, "config.yaml")
	text := fmt.Sprintf("slots: {a: %[1]s/a.img, b: %[1]s/b.img}\nstate_dir: %[1]s/state\n", dir)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	boot := func() {
		if code := run(context.Background(), []string{"--config", config, "boot"}, nil, io.Discard, io.Discard); code != cli.ExitDone {
			b.Fatalf("abota boot ended in %d", code)
		}
	}
	boot()
	for b.Loop() {
		boot()
	}
}
