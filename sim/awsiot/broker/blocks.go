package broker

// bounds checks what can be checked without the file. The codes are
// documented, the texts but the first are the emulator's.
func (r streamRequest) bounds() error {
	switch {
	case *r.size < minBlock || *r.size > maxBlock:
		return &streamError{"BlockSizeOutOfBounds", "The block size is out of bounds"}
	case r.offset != nil && (*r.offset < 0 || *r.offset > maxBlocks):
		return &streamError{"OffsetOutOfBounds", "The block offset is out of bounds"}
	case r.count != nil && (*r.count < 0 || *r.count > maxBlocks):
		return &streamError{"BlockCountLimitExceeded", "The number of blocks is out of bounds"}
	case len(r.bitmap) >= maxBitmap:
		return &streamError{"BlockBitmapLimitExceeded", "The bitmap is too large"}
	}
	return nil
}

// blocks are the numbers of those to be sent, in order. At most 128 KiB are
// sent for a request; what goes beyond is left out without a word.
//
// A bitmap's bits count from the offset, the lowest of each byte first, and
// the count only limits how many of them are taken. The C library sends the
// same four bytes with every request, and the count 1: bits beyond that count
// are not looked at, since they lie past the end of most files.
//
// Not established: what becomes of a count that reaches past the end. The
// documentation says of the default count that it "might not be valid" for
// files shorter than it, and a bitmap that reaches there was seen to be refused; so
// is a count here. A count of 0 is taken as none given.
func (r streamRequest) blocks(fileSize int64) ([]int64, error) {
	size, offset, count := *r.size, int64(0), maxReply / *r.size
	if r.offset != nil {
		offset = *r.offset
	}
	limited := r.count != nil && *r.count > 0
	if limited {
		count = *r.count
	}
	end := (fileSize + size - 1) / size
	var list []int64
	if r.bitmap == nil {
		if offset+count > end {
			return nil, outOfRange
		}
		for i := range min(count, maxReply/size) {
			list = append(list, offset+i)
		}
		return list, nil
	}
	for k := range int64(len(r.bitmap)) * 8 {
		if limited && int64(len(list)) == count {
			break
		}
		if r.bitmap[k/8]>>(k%8)&1 == 0 {
			continue
		}
		if offset+k >= end {
			return nil, outOfRange
		}
		list = append(list, offset+k)
	}
	return list[:min(int64(len(list)), maxReply/size)], nil
}
