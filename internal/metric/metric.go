// Package metric registers the collectors of a part of the gateway or the backend.
package metric

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Namespace starts the name of every metric.
const Namespace = "botgate"

// Register registers collectors; part says in errors whose they are. Without a registry it
// does nothing. A collector that is registered already is no error, since the handlers of a
// configuration share those of their module; another one with its name is.
func Register(registry prometheus.Registerer, part string, collectors ...prometheus.Collector) error {
	if registry == nil {
		return nil
	}
	for _, c := range collectors {
		err := registry.Register(c)
		if there := (prometheus.AlreadyRegisteredError{}); errors.As(err, &there) && there.ExistingCollector == c {
			continue
		}
		if err != nil {
			return fmt.Errorf("registering a metric of %s: %w", part, err)
		}
	}
	return nil
}
