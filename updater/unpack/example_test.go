package unpack_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"

	"abota/updater/unpack"
)

func Example() {
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	entry, _ := w.Create("rootfs.img")
	_, _ = io.WriteString(entry, "a root file system")
	_ = w.Close()

	z := unpack.NewZip(&archive)
	for {
		e, err := z.Next()
		if err == io.EOF {
			fmt.Println("all of it was consistent")
			return
		}
		if err != nil {
			fmt.Println(err)
			return
		}
		content, err := io.ReadAll(z)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s: %s\n", e.Name, content)
	}
	// Output:
	// rootfs.img: a root file system
	// all of it was consistent
}
