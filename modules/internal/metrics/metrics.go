// Package metrics registers collectors with Caddy, whose registry is new for every
// configuration while collectors live as long as the process.
package metrics

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Namespace starts the name of every metric of the gateway.
const Namespace = "botgate"

// Register registers package-level collectors with the registry of the configuration
// being loaded. Several instances of a module share both, so a duplicate is no error.
func Register(registry prometheus.Registerer, collectors ...prometheus.Collector) error {
	for _, c := range collectors {
		err := registry.Register(c)
		if duplicate := (prometheus.AlreadyRegisteredError{}); err != nil && !errors.As(err, &duplicate) {
			return fmt.Errorf("registering a metric: %w", err)
		}
	}
	return nil
}
