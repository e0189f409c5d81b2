package service

import (
	"cmp"
	"maps"
	"slices"
)

// stream is a stream's record. Its bytes lie in the object store and are the
// broker's affair.
type stream struct {
	info StreamInfo
	made int64
}

const (
	maxStreams = 10000
	// maxStreamFiles is the quota; the model would take 50.
	maxStreamFiles = 10
	maxFileID      = 255
)

// CreateStream records a stream at version 1.
func (s *Service) CreateStream(in StreamInput) (StreamOutput, error) {
	return do(s, func() (StreamOutput, error) {
		if !streamIDPattern.MatchString(in.StreamID) {
			return StreamOutput{}, invalid("streamId %s is not 1 to 128 of letters, digits, hyphen and underscore", show(in.StreamID))
		}
		arn := s.arn("stream", in.StreamID)
		if s.streams[in.StreamID] != nil {
			return StreamOutput{}, exists(in.StreamID, arn, "stream %s exists", in.StreamID)
		}
		if len(s.streams) >= maxStreams {
			return StreamOutput{}, limitExceeded("there are %d streams, which is as many as may be", maxStreams)
		}
		info := StreamInfo{StreamID: in.StreamID, StreamARN: arn, StreamVersion: 1, CreatedAt: Timestamp{s.now}, LastUpdatedAt: Timestamp{s.now}}
		if err := info.take(in); err != nil {
			return StreamOutput{}, err
		}
		if err := s.setTags(arn, in.Tags); err != nil {
			return StreamOutput{}, err
		}
		s.made++
		s.streams[in.StreamID] = &stream{info, s.made}
		return info.output(), nil
	})
}

// take sets what a request gives, and checks the whole.
func (i *StreamInfo) take(in StreamInput) error {
	if in.Description != nil {
		i.Description = *in.Description
	}
	if in.Files != nil {
		i.Files = cloneFiles(in.Files)
	}
	i.RoleARN = cmp.Or(in.RoleARN, i.RoleARN)
	if err := checkText("description", i.Description, maxDescription); err != nil {
		return err
	}
	if len(i.RoleARN) < 20 || len(i.RoleARN) > 2048 {
		return invalid("roleArn is not an ARN of 20 to 2048 characters")
	}
	return checkFiles(i.Files)
}

func checkFiles(files []StreamFile) error {
	if len(files) < 1 || len(files) > maxStreamFiles {
		return invalid("%d files are given: a stream has 1 to %d", len(files), maxStreamFiles)
	}
	seen := map[int]bool{}
	for _, f := range files {
		switch {
		case f.FileID == nil || *f.FileID < 0 || *f.FileID > maxFileID:
			return invalid("a file has no fileId from 0 to %d", maxFileID)
		case seen[*f.FileID]:
			return invalid("fileId %d is given twice", *f.FileID)
		case f.S3Location == nil || f.S3Location.Bucket == "" || f.S3Location.Key == "":
			return invalid("file %d lacks bucket or key of its s3Location", *f.FileID)
		}
		seen[*f.FileID] = true
	}
	return nil
}

// cloneFiles keeps what is recorded apart from what callers hold.
func cloneFiles(files []StreamFile) []StreamFile {
	out := make([]StreamFile, len(files))
	for i, f := range files {
		if f.FileID != nil {
			id := *f.FileID
			out[i].FileID = &id
		}
		if f.S3Location != nil {
			at := *f.S3Location
			out[i].S3Location = &at
		}
	}
	return out
}

func (i StreamInfo) output() StreamOutput {
	return StreamOutput{i.StreamID, i.StreamARN, i.Description, i.StreamVersion}
}

// UpdateStream changes a stream, one version up.
func (s *Service) UpdateStream(in StreamInput) (StreamOutput, error) {
	return do(s, func() (StreamOutput, error) {
		st, err := s.stream(in.StreamID)
		if err != nil {
			return StreamOutput{}, err
		}
		next := st.info
		if err := next.take(in); err != nil {
			return StreamOutput{}, err
		}
		next.StreamVersion++
		next.LastUpdatedAt = Timestamp{s.now}
		st.info = next
		return next.output(), nil
	})
}

func (s *Service) stream(id string) (*stream, error) {
	if st := s.streams[id]; st != nil {
		return st, nil
	}
	return nil, notFound("stream %s does not exist", show(id))
}

// DescribeStream shows a stream.
func (s *Service) DescribeStream(id string) (DescribeStreamOutput, error) {
	return do(s, func() (DescribeStreamOutput, error) {
		st, err := s.stream(id)
		if err != nil {
			return DescribeStreamOutput{}, err
		}
		shown := st.info
		shown.Files = cloneFiles(shown.Files)
		return DescribeStreamOutput{shown}, nil
	})
}

// DeleteStream removes a stream.
func (s *Service) DeleteStream(id string) error {
	return s.change(func() error {
		st, err := s.stream(id)
		if err != nil {
			return err
		}
		delete(s.streams, id)
		delete(s.tags, st.info.StreamARN)
		return nil
	})
}

// ListStreams lists streams by age.
func (s *Service) ListStreams(in ListStreamsInput) (ListStreamsOutput, error) {
	return do(s, func() (ListStreamsOutput, error) {
		all := slices.SortedFunc(maps.Values(s.streams), func(a, b *stream) int { return cmp.Compare(a.made, b.made) })
		if !in.IsAscendingOrder {
			slices.Reverse(all)
		}
		shown, next, err := cut(all, in.Page)
		out := ListStreamsOutput{Streams: []StreamOutput{}, NextToken: next}
		for _, st := range shown {
			out.Streams = append(out.Streams, st.info.output())
		}
		return out, err
	})
}
