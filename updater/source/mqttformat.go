package source

// codec writes and reads the messages of a stream in one format. What it
// cannot understand, or misses a required field of, it reports as not ok.
type codec interface {
	describe(token string) []byte
	get(g get) []byte
	description(p []byte) (description, bool)
	data(p []byte) (data, bool)
	rejection(p []byte) (rejection, bool)
	// message is how long a message with a block of n bytes is at most.
	message(n int64) int64
}

var codecs = map[string]codec{FormatCBOR: cborCodec{}, FormatJSON: jsonCodec{}}

// maxSmallMessage is how long a message without a block is at most, in bytes: a
// stream's description has 2028 characters, and it has some files.
const maxSmallMessage = 32 << 10

// get asks for count blocks of a file, the first of them at offset.
type get struct {
	token         string
	version       int64 // of the stream, 0 where it is not known
	file          int64
	block         int64 // size of a block in bytes
	offset, count int64 // in blocks
}

// description is what a stream consists of.
type description struct {
	token   string
	version int64
	sizes   map[int64]int64 // of the files, by their numbers
}

// data is one block. length is its size by its own word.
type data struct {
	token               string
	file, length, index int64
	payload             []byte
}

// rejection is AWS IoT's no. The token is empty where the request was not
// understood so far.
type rejection struct{ token, code string }
