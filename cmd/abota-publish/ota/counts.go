package ota

import (
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	iottypes "github.com/aws/aws-sdk-go-v2/service/iot/types"
)

// Counts are a job's executions by their status.
type Counts struct {
	Queued     int `json:"queued"`
	InProgress int `json:"in_progress"`
	Succeeded  int `json:"succeeded"`
	Failed     int `json:"failed"`
	Rejected   int `json:"rejected"`
	TimedOut   int `json:"timed_out"`
	Canceled   int `json:"canceled"`
	Removed    int `json:"removed"`
}

func countsOf(p *iottypes.JobProcessDetails) (c Counts) {
	if p == nil {
		return c
	}
	for _, row := range []struct {
		to   *int
		from *int32
	}{
		{&c.Queued, p.NumberOfQueuedThings},
		{&c.InProgress, p.NumberOfInProgressThings},
		{&c.Succeeded, p.NumberOfSucceededThings},
		{&c.Failed, p.NumberOfFailedThings},
		{&c.Rejected, p.NumberOfRejectedThings},
		{&c.TimedOut, p.NumberOfTimedOutThings},
		{&c.Canceled, p.NumberOfCanceledThings},
		{&c.Removed, p.NumberOfRemovedThings},
	} {
		*row.to = int(aws.ToInt32(row.from))
	}
	return c
}

// counted is one of them with its name.
type counted struct {
	name string
	n    int
}

func (c Counts) rows() []counted {
	return []counted{
		{"queued", c.Queued},
		{"in progress", c.InProgress},
		{"succeeded", c.Succeeded},
		{"failed", c.Failed},
		{"rejected", c.Rejected},
		{"timed out", c.TimedOut},
		{"canceled", c.Canceled},
		{"removed", c.Removed},
	}
}

// total is all of them, ended those that do not go on.
func (c Counts) total() int { return c.Queued + c.InProgress + c.ended() }

func (c Counts) ended() int {
	return c.Succeeded + c.Failed + c.Rejected + c.TimedOut + c.Canceled + c.Removed
}

// String leaves out what is not there.
func (c Counts) String() string {
	var parts []string
	for _, row := range c.rows() {
		if row.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", row.n, row.name))
		}
	}
	if parts == nil {
		return "no executions"
	}
	return strings.Join(parts, ", ")
}
