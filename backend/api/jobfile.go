package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
)

// jobFile answers GET /v1/jobs/{id}/result with the file of a job. What goes wrong in the middle
// breaks the connection off, so that nobody takes half of a file for all of it.
func (a *api) jobFile(w http.ResponseWriter, r *http.Request, c caller) (int, error) {
	id := r.PathValue("id")
	if !store.ValidID(id) {
		return 0, job.ErrNotFound
	}
	info, parts, err := a.cfg.Jobs.File(r.Context(), id, c.bot)
	if err != nil {
		return 0, err
	}
	write, begun := writerOf(w, r, info), false
	for part, err := range parts {
		if err == nil {
			if !begun {
				begun = true
				describeFile(w, r, info)
			}
			if r.Method == http.MethodHead {
				return http.StatusOK, nil
			}
			allow(w, partMargin)
			err = write(part)
		}
		switch {
		case err != nil && !begun:
			return 0, err
		case err != nil:
			if r.Context().Err() == nil {
				a.cfg.Logger.Warn("the file of a job was broken off", "job_id", id, "error", err)
			}
			a.metrics.observe("job_result", http.StatusOK, 0)
			panic(http.ErrAbortHandler)
		}
	}
	if !begun {
		info.Encoding = "" // Nothing is no file of gzip.
		describeFile(w, r, info)
	}
	return http.StatusOK, nil
}

// acceptsGzip reports whether the client asked for gzip.
func acceptsGzip(r *http.Request) bool {
	for name := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, quality, _ := strings.Cut(name, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return strings.TrimRight(strings.ReplaceAll(quality, " ", ""), "0.") != "q="
		}
	}
	return false
}

func describeFile(w http.ResponseWriter, r *http.Request, info job.File) {
	h := w.Header()
	h.Set("Content-Type", info.ContentType)
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", info.Name))
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	if info.Encoding != "" && acceptsGzip(r) {
		h.Set("Content-Encoding", info.Encoding)
	}
	w.WriteHeader(http.StatusOK)
}

// writerOf writes a part as the client wants it.
func writerOf(w http.ResponseWriter, r *http.Request, info job.File) func([]byte) error {
	if info.Encoding == "" || acceptsGzip(r) {
		return func(part []byte) error {
			_, err := w.Write(part)
			return err
		}
	}
	return func(part []byte) error {
		plain, err := gzip.NewReader(bytes.NewReader(part))
		if err != nil {
			return err
		}
		_, err = io.Copy(w, plain)
		return errors.Join(err, plain.Close())
	}
}
