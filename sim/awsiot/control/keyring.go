package control

import (
	"crypto/rand"
	"sync"
	"time"

	"abota/sim/store"
)

// Keyring holds the keys that requests may be signed with.
type Keyring struct {
	mu   sync.Mutex
	keys map[string]key
}

// key is a secret, for whom, and how long; for ever when until is zero.
type key struct {
	store.Keys
	arn   string
	until time.Time
}

// NewKeyring holds the account's own keys.
func NewKeyring(account string, own store.Keys) *Keyring {
	k := &Keyring{keys: map[string]key{}}
	k.keys[own.AccessKey] = key{Keys: own, arn: "arn:aws:iam::" + account + ":root"}
	return k
}

// add holds temporary keys too.
func (k *Keyring) add(keys store.Keys, arn string, until time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, old := range k.keys {
		if !old.until.IsZero() && time.Now().After(old.until) {
			delete(k.keys, id)
		}
	}
	k.keys[keys.AccessKey] = key{keys, arn, until}
}

// find finds the key of a request, when its token is right and it has not
// ended.
func (k *Keyring) find(access, token string) (key, *fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	found, there := k.keys[access]
	switch {
	case !there, found.SessionToken != token:
		return key{}, refuse("UnrecognizedClientException", "the access key %q, or the session token with it, is not one of this emulator's: use the keys that it printed", access)
	case !found.until.IsZero() && time.Now().After(found.until):
		return key{}, refuse("ExpiredTokenException", "the temporary key %q ended at %s: ask for new ones", access, found.until.UTC().Format(time.RFC3339))
	}
	return found, nil
}

// requestID is a new name for a request, as every reply bears one.
func requestID() string { return rand.Text() }
