package mqtt

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"unicode"

	"github.com/eclipse/paho.golang/packets"
)

// ending is why there is no connection, in our words: those of the broker are
// not shown, since it may say anything.
type ending struct {
	cause       cause
	why, advice string
}

// kinds are what the causes are to a caller.
var kinds = [causes]error{passing: ErrOffline, refusing: ErrRefused, takenOver: ErrTakenOver}

func (e *ending) Error() string { return fmt.Sprintf("%v: %s: %s", e.Unwrap(), e.why, e.advice) }

func (e *ending) Unwrap() error { return kinds[e.cause] }

const (
	adviceNetwork = "check the network and the address, or wait"
	adviceBroker  = "check that the address is that of an MQTT broker"
	advicePolicy  = "check that the certificate is active, and that its policy allows iot:Connect with this client ID"
)

// byError is for a connection that could not be made, or broke.
func byError(err error) *ending {
	var (
		ours      *ending
		op        *net.OpError
		cert      *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		oversized errOversized
	)
	switch {
	case errors.As(err, &ours):
		return ours
	case errors.As(err, &op) && op.Op == "remote error":
		return byAlert(op.Err.Error())
	case errors.As(err, &cert):
		return &ending{refusing, "the broker's certificate is not accepted: " + clip(cert.Err.Error()), "check the address, aws_iot.ca_file and the clock"}
	case errors.As(err, &record):
		return &ending{refusing, "the broker does not speak TLS", "correct the port"}
	case errors.As(err, &oversized):
		return &ending{refusing, err.Error(), "find out who publishes it"}
	case errors.Is(err, errOldBroker):
		return &ending{refusing, err.Error(), adviceBroker}
	case errors.Is(err, errSilent):
		return &ending{passing, err.Error(), adviceNetwork}
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &ending{passing, "nothing was received for too long", adviceNetwork}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed):
		return &ending{passing, "the connection was closed", "check the network, and that no other program has this client ID, or wait"}
	}
	if op != nil && op.Source != nil { // without the port, which is another one each time
		return &ending{passing, clip(op.Op + ": " + op.Err.Error()), adviceNetwork}
	}
	return &ending{passing, clip(err.Error()), adviceNetwork}
}

// byAlert is for the broker's own word that ends TLS, as crypto/tls puts it.
// With TLS 1.3 it may come when the handshake is over already.
func byAlert(alert string) *ending {
	if strings.Contains(alert, "certificate") {
		return &ending{refusing, "the broker does not accept this device's certificate: " + clip(alert), "register the certificate and activate it, or set aws_iot.cert and aws_iot.key to those that are"}
	}
	return &ending{refusing, "the broker refuses the TLS connection: " + clip(alert), "check the address with its port, and that the certificate is registered"}
}

// byConnack is for a broker that answers no to a CONNECT.
func byConnack(code byte, client string) *ending {
	switch code {
	case packets.ConnackInvalidClientID:
		return &ending{refusing, fmt.Sprintf("the broker does not take the client ID %q", client), "set aws_iot.client_id to one that its policy allows"}
	case packets.ConnackBadUsernameOrPassword, packets.ConnackNotAuthorized, packets.ConnackBanned, packets.ConnackBadAuthenticationMethod:
		return &ending{refusing, fmt.Sprintf("this device is not authorised to connect as client %q", client), advicePolicy}
	case packets.ConnackUnsupportedProtocolVersion:
		return &ending{refusing, errOldBroker.Error(), adviceBroker}
	case packets.ConnackUseAnotherServer, packets.ConnackServerMoved:
		return &ending{refusing, "the broker has moved", "correct the address"}
	}
	return &ending{passing, fmt.Sprintf("the broker refuses the connection with reason 0x%02X", code), "wait, or look up the reason"}
}

// byDisconnect is for a broker that ends the connection.
func byDisconnect(code byte, client string) *ending {
	switch code {
	case packets.DisconnectSessionTakenOver:
		return &ending{takenOver, fmt.Sprintf("another connection has the client ID %q", client), "give each program and each device a client ID of its own (aws_iot.client_id)"}
	case packets.DisconnectNotAuthorized:
		return &ending{refusing, "the broker ends the connection because something was not authorised", "check that the policy of the certificate allows the topics of jobs and streams, to publish, subscribe and receive"}
	case packets.DisconnectUseAnotherServer, packets.DisconnectServerMoved:
		return &ending{refusing, "the broker has moved", "correct the address"}
	}
	return &ending{passing, fmt.Sprintf("the broker ended the connection with reason 0x%02X", code), adviceNetwork}
}

// clip keeps a foreign text short and on one line.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	const most = 200
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
