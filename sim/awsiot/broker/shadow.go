package broker

import (
	"encoding/json"
	"net/http"

	"abota/sim/awsiot/service"
)

// shadowError is the rejected message of shadows ("Device Shadow service
// documents"): an HTTP status, a text, and when.
type shadowError struct {
	Code        int    `json:"code"`
	Message     string `json:"message"`
	Timestamp   int64  `json:"timestamp,omitzero"`
	ClientToken string `json:"clientToken,omitempty"`
}

// shadow answers a request to a shadow. What the model accepts of updates and
// deletions it announces itself.
func (b *Broker) shadow(r request, payload []byte) []Message {
	out, err := b.askShadow(r, payload)
	switch {
	case err != nil:
		e := service.AsError(err)
		body := shadowError{e.Status, e.Message, b.opts.Model.Now().Unix(), token(payload)}
		return []Message{{Topic: r.topic + "/rejected", Payload: encode(body)}}
	case out == nil:
		return nil
	}
	return []Message{{Topic: r.topic + "/accepted", Payload: out}}
}

func (b *Broker) askShadow(r request, payload []byte) ([]byte, error) {
	if b.throttled() {
		return nil, &service.Error{Status: http.StatusTooManyRequests, Message: "Too many requests"}
	}
	model := b.opts.Model
	switch r.op {
	case "get":
		doc, err := model.GetThingShadow(r.thing, r.id)
		return withToken(doc, token(payload)), err
	case "update":
		_, err := model.UpdateThingShadow(r.thing, r.id, payload)
		return nil, err
	default:
		_, err := model.DeleteThingShadow(r.thing, r.id)
		return nil, err
	}
}

// withToken echoes a client token in a shadow's document.
func withToken(doc []byte, token string) []byte {
	if token == "" || len(doc) < 2 || doc[len(doc)-1] != '}' {
		return doc
	}
	quoted, err := json.Marshal(token)
	if err != nil {
		return doc
	}
	out := append([]byte{}, doc[:len(doc)-1]...)
	return append(append(append(out, `,"clientToken":`...), quoted...), '}')
}
