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
	write(w, http.StatusOK, struct {
		Status string `json:"status"`
	}{"alive"})
}

// ServeReady is the handler of /readyz: 200 when every check passes, else 503, with
// {"status":"not ready","checks":{"queue":"ok","store":"unavailable"}}. Where the worst is a check that is
// [Degraded], it is 200 with {"status":"degraded","checks":{"store":"degraded"},"details":{"store":"…"}}.
func (r *Registry) ServeReady(w http.ResponseWriter, req *http.Request) {
	code, rep := http.StatusOK, report{Status: "ready", Checks: map[string]string{}, Details: map[string]string{}}
	for name, err := range r.run(req.Context()) {
		status, detail := judge(err)
		rep.Checks[name] = status
		switch status {
		case statusUnavailable:
			code, rep.Status = http.StatusServiceUnavailable, "not ready"
		case statusDegraded:
			rep.Details[name] = detail
			if code == http.StatusOK {
				rep.Status = statusDegraded
			}
		}
	}
	write(w, code, rep)
}

func write(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	// The prober may have disconnected.
	_ = json.NewEncoder(w).Encode(body)
}
