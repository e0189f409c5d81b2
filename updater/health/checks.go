package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"abota/updater/program"
)

// Exec passes when the program ends with status 0. It and all that it started
// are killed at the timeout. The last lines of its output become part of the
// reason when it fails. The check's name leaves its arguments out: one may be
// secret.
func Exec(argv []string, timeout time.Duration) Check {
	return Check{
		Name:    strings.Join(append([]string{"exec"}, argv[:min(len(argv), 1)]...), " "),
		Timeout: timeout,
		Run:     func(ctx context.Context) error { return program.Run(ctx, argv, nil) },
	}
}

const (
	maxRedirects = 3
	maxBody      = 64 << 10 // of a response, in bytes
	longestLine  = 256      // of a response that becomes part of a reason, in bytes
)

// HTTP passes when the address answers with a status of 2xx, after at most
// three redirects. What the answer says becomes part of the reason when it
// does not.
func HTTP(address string, timeout time.Duration) Check {
	return Check{
		Name:    "http " + publicAddress(address),
		Timeout: timeout,
		Run:     func(ctx context.Context) error { return runRequest(ctx, address) },
	}
}

// hidden is what a secret looks like.
const hidden = "***"

// publicAddress hides what may be secret in an address.
func publicAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "(not an address)"
	}
	if u.RawQuery != "" {
		u.RawQuery = hidden
	}
	if _, set := u.User.Password(); !set && u.User != nil {
		u.User = url.User("xxxxx") // a token; Redacted hides passwords alone
	}
	return u.Redacted()
}

func runRequest(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return errors.New("is not a usable address")
	}
	// No connection outlives the attempt: each one proves that the server
	// still accepts.
	transport := &http.Transport{DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	client := &http.Client{Transport: transport, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("was redirected more than %d times", maxRedirects)
		}
		return nil
	}}
	resp, err := client.Do(req)
	if err != nil {
		return withoutAddress(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return fmt.Errorf("answered %s: %s", resp.Status, withoutSecrets(firstLine(body), address))
	case err != nil:
		return fmt.Errorf("broke off its answer: %w", withoutAddress(ctx, err))
	}
	return nil
}

// withoutAddress drops the address, whose query may be secret, from an error.
func withoutAddress(ctx context.Context, err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("did not answer in time: %w", err)
	}
	return err
}

// withoutSecrets takes out of an answer what a server may repeat of an address:
// its query, the values in it, and its password.
func withoutSecrets(text, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return hidden
	}
	secrets := []string{u.RawQuery}
	if password, set := u.User.Password(); set {
		secrets = append(secrets, u.User.String(), password)
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, hidden)
		}
	}
	return text
}

func firstLine(body []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(body)), "\n")
	if line == "" {
		return "(empty)"
	}
	return strings.ToValidUTF8(line[:min(len(line), longestLine)], "")
}
