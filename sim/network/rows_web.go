package network

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"abota/sim/front"
)

const (
	// brief is how long a pre-signed URL holds that expires in its row.
	brief = 2 * time.Second
	// long is how long the others do.
	long = time.Hour
)

// webs are releases at a pre-signed web address.
func webs() []row {
	// once gives install a URL that holds for so long, and one that holds for
	// long after the fault.
	once := func(valid time.Duration) func(context.Context, *scene) ([]string, error) {
		return func(ctx context.Context, s *scene) ([]string, error) {
			if s.healed {
				valid = long
			}
			link, err := s.link(ctx, valid)
			return []string{"--checksum", s.md5, link}, err
		}
	}
	// The first request only looks whether the release is there.

	// outlived cuts the download, and keeps the request for the rest until the
	// URL has expired.
	outlived := func(s *scene) []front.Fault {
		return []front.Fault{front.Pass, front.Cut(s.at(40), false), front.Before(func(*front.Front) { time.Sleep(brief + time.Second) })}
	}
	patient := "timeout: {connect: 5s, handshake: 5s, header: 20s, idle: 20s}"
	return []row{
		{name: "signed URL", source: once(long)},
		{name: "signed URL, reset in the middle", source: once(long), begin: inTurn(func(s *scene) []front.Fault {
			return []front.Fault{front.Pass, front.Cut(s.at(40), true)}
		})},
		{
			name: "signed URL, 200 to the rest", source: once(long),
			begin: func(ctx context.Context, s *scene) error {
				whole, err := s.store.Link(ctx, bucket, token)
				s.front.Set(front.InTurn(token, front.Pass, front.Cut(s.at(40), false), front.Whole(whole)))
				return err
			},
		},
		{name: "signed URL, no ETag", source: once(long), begin: always(front.Edited(noETag, front.Pass))},
		{name: "signed URL, no ETag, cut", source: once(long), begin: meets(func(s *scene) front.Fault {
			return front.InTurn(token, front.Edited(noETag, front.Pass), front.Edited(noETag, front.Cut(s.at(40), false)), front.Edited(noETag, front.Pass))
		})},
		{
			name: "signed URL, nothing to resume by", source: once(long), begin: meets(func(s *scene) front.Fault {
				return front.InTurn(token, front.Edited(nameless, front.Pass), front.Edited(nameless, front.Cut(s.at(40), false)))
			}),
			exit: 6, says: "without a strong ETag or a date of change", twice: 40,
		},
		{
			name: "signed URL, expires in the middle", slow: true, config: []string{patient},
			source: once(brief), begin: inTurn(outlived),
			exit: 2, says: "the URL is not valid any more", twice: 40,
		},
		{
			name: "signed URL, expires, url_command", slow: true, config: []string{patient, "bucket"},
			begin: func(ctx context.Context, s *scene) error {
				first, err := s.link(ctx, brief)
				if err != nil {
					return err
				}
				next, err := s.link(ctx, long)
				if err != nil {
					return err
				}
				s.front.Set(front.InTurn(token, outlived(s)...))
				fresh := filepath.Join(s.dir, "fresh")
				if err := os.WriteFile(fresh, []byte(next+"\n"), 0o600); err != nil {
					return err
				}
				return s.device.say("url: "+first, "url_command: [/bin/cat, "+fresh+"]")
			},
		},
	}
}

// noETag leaves the date of change as what tells an object's states apart.
func noETag(h http.Header) { h.Del("ETag") }

// nameless leaves nothing that does.
func nameless(h http.Header) {
	h.Del("ETag")
	h.Del("Last-Modified")
}

// link is a pre-signed URL of the token, through the front.
func (s *scene) link(ctx context.Context, valid time.Duration) (string, error) {
	return s.store.LinkAt(ctx, strings.TrimPrefix(s.front.Endpoint(), "http://"), bucket, token, valid)
}
