package botsignature

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/botgate/botgate/internal/metric"
	"github.com/botgate/botgate/internal/platform"
)

// The outcomes beside the values of platform.Reason.
const (
	outcomeVerified        = "verified"
	outcomeHandshake       = "handshake"
	outcomeUnknownPlatform = "unknown_platform"
	outcomeKeysUnavailable = "keys_unavailable"
	outcomeLockedOut       = "locked_out"
	outcomeCrossOrigin     = "cross_origin"
	outcomeBadProbe        = "bad_verify_token"
	outcomeMethod          = "method_not_allowed"
	outcomeTooLarge        = "too_large"
	outcomeTooMany         = "too_many_events"
	outcomeUnreadable      = "unreadable_body"
	outcomeOverloaded      = "overloaded"

	// noPlatform is the label of requests whose platform is not configured: what they
	// name instead must not become a label.
	noPlatform = "none"
)

var (
	requestsTotal = metric.Start(prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: metric.Namespace, Subsystem: "signature", Name: "requests_total",
		Help: "Requests by platform and what became of them: verified, handshake, or the reason of the refusal.",
	}, []string{"platform", "outcome"}), []string{noPlatform}, []string{outcomeUnknownPlatform})
	collectors = []prometheus.Collector{requestsTotal}
)

// startSeries makes the series of a platform of the configuration: the outcomes that any of them can have.
func startSeries(name string) {
	metric.Start(requestsTotal, []string{name}, []string{
		outcomeVerified, outcomeHandshake, outcomeKeysUnavailable, outcomeLockedOut, outcomeCrossOrigin, outcomeBadProbe,
		outcomeMethod, outcomeTooLarge, outcomeTooMany, outcomeUnreadable, outcomeOverloaded,
		string(platform.HeaderMissing), string(platform.SignatureMismatch),
	})
}
