package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"abota/sim/guest"
)

// Endpoints is how to reach everything that a world runs, for people and
// programs. Keys are of a throw-away store on loopback.
type Endpoints struct {
	S3      S3Endpoint `json:"s3"`
	Control string     `json:"control"`
	QEMU    string     `json:"qemu"`
}

// S3Endpoint is the object store: with all rights for the host, and with a
// device's rights and address for the guest.
type S3Endpoint struct {
	Endpoint  string `json:"endpoint"`
	Region    string `json:"region"`
	Bucket    string `json:"bucket"`
	AccessKey string `json:"accesskey"`
	SecretKey string `json:"secretkey"`
}

// maxScript bounds what /run accepts.
const maxScript = 1 << 20

// Serve offers control of the world on loopback until ctx ends, and reports
// the endpoints once it listens:
//
//	POST /run                            body: a shell script; answer: exit, stdout, stderr
//	POST /publish?version=V&behaviour=B  makes a firmware and offers it in the bucket
//	POST /power/cut, /power/on           the plug
func (w *World) Serve(ctx context.Context, ready func(Endpoints)) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("offer control of the board: %w", err)
	}
	server := &http.Server{Handler: w.control(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	keys := w.store.Keys()
	ready(Endpoints{
		S3: S3Endpoint{
			Endpoint: w.store.Endpoint(), Region: w.store.Region(), Bucket: bucket,
			AccessKey: keys.AccessKey, SecretKey: keys.SecretKey,
		},
		Control: "http://" + l.Addr().String(),
		QEMU:    w.CommandLine(),
	})
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("offer control of the board: %w", err)
	}
	return nil
}

func (w *World) control() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, do func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(rw http.ResponseWriter, r *http.Request) {
			result, err := do(r)
			if err != nil {
				rw.WriteHeader(http.StatusConflict)
				result = map[string]string{"error": err.Error()}
			}
			_ = json.NewEncoder(rw).Encode(result) // the client may be gone
		})
	}
	handle("POST /run", func(r *http.Request) (any, error) {
		script, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxScript))
		if err != nil {
			return nil, fmt.Errorf("read the script: %w", err)
		}
		got, err := w.board.Run(r.Context(), string(script))
		return map[string]any{"exit": got.Exit, "stdout": got.Stdout, "stderr": got.Stderr}, err
	})
	handle("POST /publish", func(r *http.Request) (any, error) {
		version, behaviour := r.FormValue("version"), guest.Behaviour(r.FormValue("behaviour"))
		size, err := w.publish(r.Context(), version, behaviour)
		return map[string]any{"version": version, "size": size}, err
	})
	handle("POST /power/cut", func(*http.Request) (any, error) {
		w.board.PowerCut()
		return map[string]string{"power": "off"}, nil
	})
	handle("POST /power/on", func(r *http.Request) (any, error) {
		return map[string]string{"power": "on"}, w.board.PowerOn(r.Context())
	})
	return mux
}
