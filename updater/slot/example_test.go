package slot_test

import (
	"fmt"
	"os"
	"path/filepath"

	"abota/updater/slot"
)

func Example() {
	dir, err := os.MkdirTemp("", "slots")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	for _, path := range []string{a, b} {
		if err := os.WriteFile(path, make([]byte, 4096), 0o600); err != nil {
			fmt.Println(err)
			return
		}
	}

	target, err := slot.Host{}.OpenTarget(b, a)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer target.Close()
	w := target.Writer()
	fmt.Fprint(w, "the new system")
	proof, err := w.Close()
	fmt.Println(proof.Size, proof.SHA256[:12], err)
	// Output: 14 79070d52aaa1 <nil>
}
