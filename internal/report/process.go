package report

import "time"

// Process says what a process is, and how it does.
type Process struct {
	// Service is "botgate" for a gateway, and "botgate-backend" for a backend, also one in a gateway's process.
	Service string `json:"service"`
	Version string `json:"version"`
	// Roles are those of a backend.
	Roles     []string  `json:"roles,omitempty"`
	StartedAt time.Time `json:"started_at"`
	// Status is as the readiness probe has it, and Checks the parts of a process by their names.
	Status string            `json:"status"`
	Checks map[string]string `json:"checks,omitempty"`
	// Details are about the parts that are degraded.
	Details map[string]string `json:"details,omitempty"`
}
