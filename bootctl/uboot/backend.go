package uboot

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"abota/bootctl"
	"abota/bootctl/dialect"
)

// Backend keeps the table in the two copies, or in a single one. It holds
// nothing open between calls. It is not safe for concurrent use.
type Backend struct {
	copies   []Copy
	contract bool
