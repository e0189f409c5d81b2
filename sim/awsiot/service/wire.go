package service

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Timestamp is a time on the control plane's wire: seconds since 1970 as a
// number, with milliseconds as its fraction. The zero one is left out
// (omitzero).
type Timestamp struct{ time.Time }

// MarshalJSON writes seconds with three decimals.
func (t Timestamp) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(t.UnixMilli())/1000, 'f', 3, 64), nil
}

// UnmarshalJSON reads seconds since 1970.
func (t *Timestamp) UnmarshalJSON(data []byte) error {
	seconds, err := strconv.ParseFloat(string(data), 64)
	if err != nil {
		return fmt.Errorf("%s is no number of seconds", data)
	}
	t.Time = time.UnixMilli(int64(seconds * 1000)).UTC()
	return nil
}

// Number is an integer that clients send as a number or as its text: the C
// library writes "expectedVersion":"1".
type Number int64

// UnmarshalJSON reads both forms.
func (n *Number) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(text) >= 2 && text[0] == '"' {
		text = text[1 : len(text)-1]
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return fmt.Errorf("%s is no whole number", data)
	}
	*n = Number(value)
	return nil
}

// Document is a job's document on the device's side: an object over MQTT, its
// text over HTTP.
type Document struct {
	Text string
	// Quoted has it written as a text.
	Quoted bool
}

// MarshalJSON writes the form asked for.
func (d Document) MarshalJSON() ([]byte, error) {
	if d.Quoted {
		return json.Marshal(d.Text)
	}
	return []byte(d.Text), nil
}

// UnmarshalJSON reads either form.
func (d *Document) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		d.Quoted = true
		return json.Unmarshal(data, &d.Text)
	}
	d.Text, d.Quoted = string(data), false
	return nil
}

// Page asks for a part of a list.
type Page struct {
	// MaxResults is 0 (all that a page may hold) or 1 to 250.
	MaxResults int `json:"-"`
	// NextToken continues where the page before it ended.
	NextToken string `json:"-"`
}

// Tag is a name and a value on a resource.
type Tag struct {
	Key   string `json:"Key"`
	Value string `json:"Value"`
}
