package pull

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"
)

// maxQuestion bounds what another process may ask: settlements with answers.
const maxQuestion = 8 << 20

// Handler answers other processes about a ledger, below [Path]. Whoever serves it has checked that they are such.
func Handler(l *Ledger) http.Handler {
	mux := http.NewServeMux()
	for what, answer := range map[string]func(context.Context, string, question) (reply, error){
		"await": func(ctx context.Context, bot string, q question) (reply, error) {
			ctx, cancel := context.WithTimeout(ctx, min(q.Wait, 2*round))
			defer cancel()
			err := l.Await(ctx, bot, q.Types)
			if errors.Is(err, context.DeadlineExceeded) {
				return reply{}, nil
			}
			return reply{Ready: err == nil}, err
		},
		"lease": func(ctx context.Context, bot string, q question) (r reply, err error) {
			r.Events, err = l.Lease(ctx, bot, q.Ask)
			return r, err
		},
		"settle": func(ctx context.Context, bot string, q question) (r reply, err error) {
			r.Statuses, err = l.Settle(ctx, bot, q.Settlements)
			return r, err
		},
	} {
		mux.HandleFunc("POST "+Path+"{bot}/"+what, func(w http.ResponseWriter, r *http.Request) {
			var q question
			switch {
			case r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "":
				http.NotFound(w, r) // A gateway passes on what strangers ask.
			case r.Header.Get(processHeader) != l.Process():
				w.WriteHeader(http.StatusMisdirectedRequest)
			case json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuestion)).Decode(&q) != nil:
				w.WriteHeader(http.StatusBadRequest)
			default:
				found, err := answer(r.Context(), r.PathValue("bot"), q)
				write(w, found, err)
			}
		})
	}
	return mux
}

// write sends a reply. Its events are put in by hand: encoding/json would rewrite their bodies.
func write(w http.ResponseWriter, r reply, err error) {
	events := r.Events
	switch r.Events = nil; {
	case errors.Is(err, ErrUnknownBot), errors.Is(err, ErrPushed):
		r.Refused = err.Error()
	case err != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	out, err := json.Marshal(r)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if len(events) > 0 {
		out = bytes.Join([][]byte{[]byte(`{"events":`), List(events), []byte(`}`)}, nil)
	}
	// The server's timeouts are for answers that are not waited for.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(takeTimeout))
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(out) // Where nobody reads it, leases end in silence.
}
