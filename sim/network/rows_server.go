package network

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"

	"abota/sim/front"
)

// servers are what stores say when they are not well, or do not want.
func servers() []row {
	return []row{
		{name: "503 SlowDown twice", begin: first(2, front.Says(503, "SlowDown"))},
		{name: "500, 502 at the start", begin: inTurn(func(*scene) []front.Fault {
			return []front.Fault{front.Says(500, "InternalError"), front.Says(502, "")}
		})},
		{name: "503, 500, 429 in the middle", begin: afterCut(func(*scene) []front.Fault {
			return []front.Fault{front.Says(503, "SlowDown"), front.Says(500, "InternalError"), front.Says(429, "")}
		})},
		{
			name: "503 for good", begin: always(front.Says(503, "ServiceUnavailable")),
			exit: 6, says: "503 ServiceUnavailable",
		},
		{name: "503 with Retry-After: 1", begin: first(1, front.Says(503, "SlowDown", "Retry-After", "1"))},
		{
			name: "429 with Retry-After: 86400", begin: always(front.Says(429, "", "Retry-After", "86400")),
			exit: 6, says: "429",
		},
		{
			name: "301 to another region", config: []string{"region: eu-west-1"},
			begin: func(_ context.Context, s *scene) error {
				s.front.Set(regional(s.store.Region()))
				return nil
			},
			says: "correct region",
		},
		{
			name: "403 RequestTimeTooSkewed, once", begin: first(1, front.Says(403, "RequestTimeTooSkewed")),
			says: "the server's time",
		},
		{
			name: "403 RequestTimeTooSkewed, always", begin: always(front.Says(403, "RequestTimeTooSkewed")),
			exit: 2, says: "clock",
		},
		{
			name: "403 AccessDenied", begin: always(front.Says(403, "AccessDenied")),
			exit: 2, says: "s3:GetObject",
		},
		{
			name: "403 ExpiredToken", begin: always(front.Says(403, "ExpiredToken")),
			exit: 2, says: "renew it",
		},
		{
			name: "403 ExpiredToken in the middle", begin: afterCut(func(*scene) []front.Fault {
				return []front.Fault{front.Says(403, "ExpiredToken")}
			}),
			exit: 2, says: "renew it", twice: 40,
		},
		{
			name: "403 InvalidAccessKeyId", begin: always(front.Says(403, "InvalidAccessKeyId")),
			exit: 2, says: "check accesskey",
		},
		{
			name: "a wrong secret key", config: []string{"secretkey: wrong"},
			exit: 2, says: "check secretkey",
			help: func(s *scene) []string { return []string{"--set", "secretkey=" + s.keys.SecretKey} },
		},
		{
			name: "404 NoSuchKey", begin: always(front.Says(404, "NoSuchKey")),
			exit: 1, says: "no such object",
		},
		{
			name: "404 NoSuchBucket", begin: always(front.Says(404, "NoSuchBucket")),
			exit: 1, says: "the bucket does not exist",
		},
		{
			name: "404 in the middle", begin: afterCut(func(*scene) []front.Fault {
				return []front.Fault{front.Says(404, "NoSuchKey")}
			}),
			exit: 1, says: "no such object", twice: 40,
		},
	}
}

// regional answers as AWS does when a request was signed for another region.
func regional(region string) front.Fault {
	elsewhere := front.Says(http.StatusMovedPermanently, "PermanentRedirect", "X-Amz-Bucket-Region", region)
	return func(f *front.Front, w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "/"+region+"/s3/") {
			front.Pass(f, w, r)
			return
		}
		elsewhere(f, w, r)
	}
}

// replaced are objects that become others while they are read.
func replaced() []row {
	const prefix = "moving"
	names := []string{"file_name: " + prefix + "/" + token, "checksum_name: " + prefix + "/" + sums}
	// begin offers release 2, cuts its download where it is told to, and has
	// release 3 ready.
	begin := func(fault func(s *scene, publish func(*front.Front)) []front.Fault) func(context.Context, *scene) error {
		return func(ctx context.Context, s *scene) error {
			folder, sum, err := s.another(ctx)
			if err != nil {
				return err
			}
			if err := s.push(ctx, filepath.Join(s.world.dir, "release"), prefix); err != nil {
				return err
			}
			s.image = sum
			s.front.Set(front.InTurn(token, fault(s, func(*front.Front) {
				_ = s.push(ctx, folder, prefix) // or the row installs release 2, and fails
			})...))
			return nil
		}
	}
	return []row{
		{name: "replaced, then cut", config: names, says: "starting over", twice: 40, begin: begin(func(s *scene, publish func(*front.Front)) []front.Fault {
			return []front.Fault{front.Cut(s.at(40), false), front.Before(publish)}
		})},
	}
}

// wholeRest answers one who wants the object, and one who wants its rest.
func wholeRest(object, rest front.Fault) front.Fault {
	return func(f *front.Front, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Range") == "" {
			object(f, w, r)
			return
		}
		rest(f, w, r)
	}
}

// answers are what servers and proxies get wrong.
func answers() []row {
	set := func(name, value string) front.Fault {
		return front.Edited(func(h http.Header) {
			if h.Del(name); value != "" {
				h.Set(name, value)
			}
		}, front.Pass)
	}
	return []row{
		{name: "200 to the rest, twice", begin: func(ctx context.Context, s *scene) error {
			whole, err := s.store.Link(ctx, bucket, token)
			s.front.Set(front.InTurn(token, front.Cut(s.at(40), false), front.Whole(whole), front.Whole(whole)))
			return err
		}},
		{
			name: "200 to the rest, always", begin: func(ctx context.Context, s *scene) error {
				whole, err := s.store.Link(ctx, bucket, token)
				s.front.Set(front.Always(token, wholeRest(front.Cut(s.at(40), false), front.Whole(whole))))
				return err
			},
			exit: 6, says: "the whole object again", twice: 40,
		},
		{name: "another Content-Range, twice", begin: afterCut(func(*scene) []front.Fault {
			f := set("Content-Range", "bytes 0-99/100")
			return []front.Fault{f, f}
		})},
		{name: "no Content-Range, once", begin: afterCut(func(*scene) []front.Fault {
			return []front.Fault{set("Content-Range", "")}
		})},
		{
			name: "a weak ETag", begin: always(front.Edited(func(h http.Header) { h.Set("ETag", "W/"+h.Get("ETag")) }, front.Pass)),
			exit: 6, says: "no strong ETag",
		},
		{name: "no ETag", begin: always(set("ETag", "")), exit: 6, says: "no strong ETag"},
		{name: "no ETag on the rest, once", begin: afterCut(func(*scene) []front.Fault {
			return []front.Fault{set("ETag", "")}
		})},
		{
			name: "a bit flips on the way", begin: inTurn(func(s *scene) []front.Fault {
				return []front.Fault{front.Flipped(s.at(70))}
			}),
			exit: 5, says: "corrupt", twice: 100,
		},
		{
			name: "416 to the rest", begin: afterCut(func(*scene) []front.Fault {
				return []front.Fault{front.Says(416, "InvalidRange")}
			}),
			says: "starting over", twice: 40,
		},
		{
			name: "captive portal: 302", begin: always(front.Portal(302)),
			exit: 6, says: "a login page",
		},
		{
			name: "captive portal: a page", begin: always(front.Portal(200)),
			exit: 6, says: "no strong ETag",
		},
	}
}
