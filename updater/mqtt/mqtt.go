// Package mqtt keeps one MQTT 5 connection to a broker for as long as a program
// runs: a [Link], on which messages are published and subscriptions stand over
// every reconnection.
//
// # Guarantee
//
// There is one connection at most, and there is one again after each loss, with
// pauses that grow and are different for each device of a fleet. Everything that
// is subscribed to stands again before anybody is told of a new connection.
// [Link.Publish] returns nil only when the broker has said that it has the
// message. A broker that is silently gone is noticed within one and a half
// times the keep-alive.
//
// A broker that refuses this device is asked again rarely, and said once. If
// another connection with the same client ID takes this one's place, the two
// do not chase each other: the pause grows to an hour, and the log names the
// client ID.
//
// Memory is bounded, whatever the broker sends: no packet is larger than 256 KiB,
// a few are held at once, and one that says it is larger ends the connection
// before it is read.
//
// # Not guaranteed
//
// A message may arrive twice, or be lost with the connection: every connection
// starts clean, since AWS IoT answers requests without a session anyway. Who
// asks a question needs a timer of his own, and asks again when [Link.Watch]
// reports a new connection. What a message says is the broker's word: TLS proves
// the broker, nothing proves who published.
//
// # Format
//
// MQTT version 5.0 (OASIS standard) by the library paho, over TLS. A broker at
// port 443 is told that MQTT is meant by the ALPN name x-amzn-mqtt-ca (AWS IoT
// developer guide, "Device communication protocols"); at port 8883, the default,
// there is no ALPN. A subscription asks for quality of service 1 and takes
// what comes. Eight filters go into one SUBSCRIBE packet, which is what AWS IoT
// allows.
package mqtt

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Each error of this package wraps at most one of these, or the context's.
var (
	// ErrOffline: there is no connection, or it was lost under way. It comes
	// back by itself; [Link.Watch] tells when.
	ErrOffline = errors.New("not connected to the broker")
	// ErrUnanswered: the broker has not acknowledged in time. Whether it has
	// the message is not known.
	ErrUnanswered = errors.New("the broker does not answer")
	// ErrRefused: the broker, or this device where it does not trust the
	// broker, says no, and will until somebody changes something.
	ErrRefused = errors.New("refused")
	// ErrTakenOver: another connection has the same client ID.
	ErrTakenOver = errors.New("connection taken over")
	// ErrTooLarge: the broker takes no message of this size.
	ErrTooLarge = errors.New("message is too large")
)

// Options say which broker is kept connected, and as whom. Address and
// ClientID are required.
type Options struct {
	// Address is the broker's host, with a port or without: 8883 is the default,
	// and 443 is MQTT told by ALPN.
	Address string
	// TLS is what the connection is made with. Nil is plain TCP, which is for
	// simulators. Without a ServerName it is the address's host. It is not used
	// where there is a Dial.
	TLS *tls.Config
	// Dial makes the connection in its own way, with TLS included. The
	// address has a port; protocols are the ALPN names, nil for none. Optional.
	Dial func(ctx context.Context, address string, protocols []string) (net.Conn, error)
	// ClientID is the name of this connection, which no other may have: a
	// second one ends the first.
	ClientID string
	// KeepAlive is how long the connection may be silent before it is tried,
	// in whole seconds, at most 65535. Default 60 s.
	KeepAlive time.Duration
	// Timeout is how long the broker has for one answer, and the network for
	// one write. Default 10 s.
	Timeout time.Duration
	// First and Longest are the pauses after the first lost connection and
	// after many. Defaults 1 s and 5 min. Up to half of a pause is taken off at
	// random.
	First, Longest time.Duration
	// Log is told of connections made and lost; nil means nobody.
	Log *slog.Logger
}

const (
	defaultPort = "8883"
	// alpnPort is where AWS IoT tells MQTT from HTTPS by alpnName.
	alpnPort = "443"
	alpnName = "x-amzn-mqtt-ca"
	// maxClientID is AWS IoT's; other brokers take more.
	maxClientID = 128
)

func (o Options) withDefaults() Options {
	o.KeepAlive = cmp.Or(o.KeepAlive, time.Minute)
	o.Timeout = cmp.Or(o.Timeout, 10*time.Second)
	o.First, o.Longest = cmp.Or(o.First, time.Second), cmp.Or(o.Longest, 5*time.Minute)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// check refuses what could never work, and completes the address.
func (o *Options) check() error {
	address, err := withPort(o.Address)
	switch {
	case err != nil:
		return err
	case o.ClientID == "":
		return errors.New("cannot connect to the broker because there is no client ID: give this device one of its own")
	case len(o.ClientID) > maxClientID || !utf8.ValidString(o.ClientID) || strings.ContainsFunc(o.ClientID, unicode.IsControl):
		return fmt.Errorf("cannot connect to the broker as client %q because a client ID has 1 to %d bytes and no control characters: give another one", o.ClientID, maxClientID)
	case o.KeepAlive%time.Second != 0 || o.KeepAlive < time.Second || o.KeepAlive > 65535*time.Second:
		return fmt.Errorf("cannot keep the connection alive every %s: give whole seconds, from 1 to 65535", o.KeepAlive)
	}
	o.Address = address
	return nil
}

// withPort is the address with the port that a broker usually has.
func withPort(address string) (string, error) {
	if address == "" {
		return "", errors.New("cannot connect to the broker because no address is given: set aws_iot.endpoint")
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.Trim(address, "[]"), defaultPort
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if host == "" || strings.ContainsAny(host, "/@? ") || err != nil || n == 0 {
		return "", fmt.Errorf("cannot connect to the broker at %q because that is no address: write it as HOST or HOST:PORT", address)
	}
	return net.JoinHostPort(host, port), nil
}

// protocols are the ALPN names for an address, nil for none.
func protocols(address string) []string {
	if _, port, _ := net.SplitHostPort(address); port == alpnPort {
		return []string{alpnName}
	}
	return nil
}
