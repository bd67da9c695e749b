package reload

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
)

// Report says how the files of a [Value] stand. It holds nothing of what is in them but names.
type Report struct {
	// What is that of [Config].
	What string `json:"what"`
	// Files are those that are looked at.
	Files []string `json:"files"`
	// Changed is whether the look that is reported loaded a change.
	Changed bool `json:"changed"`
	// Changes says what the last change was; empty when there was none since the start.
	Changes string `json:"changes,omitempty"`
	// At is when what is in use was read.
	At time.Time `json:"at"`
	// Error says why what the files hold now is not in use.
	Error string `json:"error,omitempty"`
}

// followed are the values of this process that follow files: whoever runs it asks for all of them at
// once, and no module knows those of the others.
var followed registry

type registry struct {
	mu     sync.Mutex
	values []looker
}

type looker interface{ Look() Report }

func (r *registry) add(v looker) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.values = append(r.values, v)
}

// remove reports whether the value was there.
func (r *registry) remove(v looker) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.values, v)
	if i >= 0 {
		r.values = slices.Delete(r.values, i, i+1)
	}
	return i >= 0
}

// All has every value of this process look at its files now, and reports how each stands.
func All() []Report {
	followed.mu.Lock()
	values := slices.Clone(followed.values)
	followed.mu.Unlock()
	reports := make([]Report, len(values))
	for n, v := range values {
		reports[n] = v.Look()
	}
	slices.SortStableFunc(reports, func(a, b Report) int { return strings.Compare(a.What, b.What) })
	return reports
}

// refused counts the values whose files hold what can't be used, by what they are.
var refused = prometheus.NewGaugeVec(prometheus.GaugeOpts{
	Namespace: metric.Namespace, Name: "files_refused",
	Help: "Changed files that could not be loaded, so that what they held before is in use, by what they hold.",
}, []string{"what"})

// Collectors are the metrics of all values of the process.
func Collectors() []prometheus.Collector { return []prometheus.Collector{refused} }
