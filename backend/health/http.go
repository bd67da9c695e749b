package health

import (
	"encoding/json"
	"net/http"
)

// report is the answer of /readyz. It says which part is unavailable, and not why.
type report struct {
	Status  string            `json:"status"`
	Checks  map[string]string `json:"checks"`
	Details map[string]string `json:"details,omitempty"` // Of the checks that are degraded.
}

// ServeLive is the handler of /healthz: 200 for as long as the process answers at all.
func (*Registry) ServeLive(w http.ResponseWriter, _ *http.Request) {
	writeStatus(w, http.StatusOK, "alive")
}

// ServeSelf is the handler of /readyz/self: 200 as long as this process takes requests, whatever it
// depends on can do, and 503 from [Registry.Stop] on.
func (r *Registry) ServeSelf(w http.ResponseWriter, _ *http.Request) {
	if r.stopping.Load() {
		writeStatus(w, http.StatusServiceUnavailable, "stopping")
		return
	}
	writeStatus(w, http.StatusOK, "ready")
}

// ServeReady is the handler of /readyz: that of /readyz/self, and 200 when every check passes, else 503, with
// {"status":"not ready","checks":{"queue":"ok","store":"unavailable"}}. Where the worst is a check that is
// [Degraded], it is 200 with {"status":"degraded","checks":{"store":"degraded"},"details":{"store":"…"}}.
func (r *Registry) ServeReady(w http.ResponseWriter, req *http.Request) {
	if r.stopping.Load() {
		r.ServeSelf(w, req)
		return
	}
	rep, code := r.Report(req.Context()), http.StatusOK
	if rep.Status == "not ready" {
		code = http.StatusServiceUnavailable
	}
	write(w, code, report(rep))
}

func writeStatus(w http.ResponseWriter, code int, status string) {
	write(w, code, struct {
		Status string `json:"status"`
	}{status})
}

func write(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	// The prober may have disconnected.
	_ = json.NewEncoder(w).Encode(body)
}
