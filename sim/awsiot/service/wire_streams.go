package service

// S3Location names an object, at a version when given.
type S3Location struct {
	Bucket  string `json:"bucket,omitempty"`
	Key     string `json:"key,omitempty"`
	Version string `json:"version,omitempty"`
}

// StreamFile is one file of a stream.
type StreamFile struct {
	// FileID is 0 to 255.
	FileID     *int        `json:"fileId"`
	S3Location *S3Location `json:"s3Location"`
}

// StreamInput creates a stream or, all but its tags, updates one. StreamID is
// in the path. An update leaves alone what is not given.
type StreamInput struct {
	StreamID    string       `json:"-"`
	Description *string      `json:"description,omitempty"`
	Files       []StreamFile `json:"files,omitempty"`
	RoleARN     string       `json:"roleArn,omitempty"`
	Tags        []Tag        `json:"tags,omitempty"`
}

// StreamOutput names a stream and its version.
type StreamOutput struct {
	StreamID      string `json:"streamId"`
	StreamARN     string `json:"streamArn"`
	Description   string `json:"description,omitempty"`
	StreamVersion int64  `json:"streamVersion"`
}

// StreamInfo is a stream.
type StreamInfo struct {
	StreamID      string       `json:"streamId"`
	StreamARN     string       `json:"streamArn"`
	StreamVersion int64        `json:"streamVersion"`
	Description   string       `json:"description,omitempty"`
	Files         []StreamFile `json:"files"`
	CreatedAt     Timestamp    `json:"createdAt,omitzero"`
	LastUpdatedAt Timestamp    `json:"lastUpdatedAt,omitzero"`
	RoleARN       string       `json:"roleArn"`
}

// DescribeStreamOutput is a stream.
type DescribeStreamOutput struct {
	StreamInfo StreamInfo `json:"streamInfo"`
}

// ListStreamsInput asks for streams, by default the newest first.
type ListStreamsInput struct {
	Page
	IsAscendingOrder bool `json:"-"`
}

// ListStreamsOutput is a page of streams.
type ListStreamsOutput struct {
	Streams   []StreamOutput `json:"streams"`
	NextToken string         `json:"nextToken,omitempty"`
}
