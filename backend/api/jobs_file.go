package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/botgate/botgate/backend/job"
	"github.com/botgate/botgate/backend/store"
)

// partMargin is how long a part of a file may take on its way.
const partMargin = time.Minute

// jobFile answers GET /v1/jobs/{id}/result with the file of a job.
func (a *API) jobFile(w *response, r *http.Request, c caller) error {
	id := idIn(r)
	if !store.ValidID(id) {
		return unknownJob
	}
	info, parts, err := a.cfg.Jobs.File(r.Context(), id, c.bot)
	if err != nil {
		return err
	}
	packed := info.Encoding != ""
	if packed && !acceptsGzip(r) {
		info.Encoding = ""
	}
	out, end := encodeFile(w, info)
	for part, err := range parts {
		if err != nil {
			return fmt.Errorf("reading the file of job %s: %w", id, err)
		}
		if !w.begun {
			beginFile(w, info)
		}
		if r.Method == http.MethodHead {
			return nil
		}
		w.extend(partMargin)
		if err := writePart(out, part, packed); err != nil {
			return fmt.Errorf("sending the file of job %s: %w", id, err)
		}
	}
	if !w.begun {
		beginFile(w, info)
	}
	return end()
}

// encodeFile returns where the file's bytes go, and what ends the file. Parts are packed anew,
// into one gzip member: curl and browsers read no more than the first one.
func encodeFile(w io.Writer, info job.File) (io.Writer, func() error) {
	if info.Encoding == "" {
		return w, func() error { return nil }
	}
	zip, _ := gzip.NewWriterLevel(w, gzip.BestSpeed) // It fails for unknown levels only.
	return zip, zip.Close
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

func beginFile(w *response, info job.File) {
	h := w.Header()
	h.Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", info.Name))
	h.Set("Vary", "Accept-Encoding")
	if info.Encoding != "" {
		h.Set("Content-Encoding", info.Encoding)
	}
	w.begin(http.StatusOK, info.ContentType, notKept)
}

// writePart writes a part of the file, decompressed where it is packed.
func writePart(w io.Writer, part []byte, packed bool) error {
	if !packed {
		_, err := w.Write(part)
		return err
	}
	plain, err := gzip.NewReader(bytes.NewReader(part))
	if err != nil {
		return err
	}
	_, err = io.Copy(w, plain) //nolint:gosec // a part that a worker of ours compressed
	return err
}
