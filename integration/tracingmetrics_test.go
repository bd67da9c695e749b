package integration

import (
	"fmt"
	"net"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// useMetricsSite gives the next gateway a site of metrics, and returns where it is.
func (s *stack) useMetricsSite(t *testing.T) string {
	t.Helper()
	address := testsvc.FreeAddresses(t, 1)[0]
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	s.env = append(s.env, "BOTGATE_METRICS_BIND="+host, "BOTGATE_METRICS_PORT="+port)
	return "http://" + address
}

// requireExemplars finds a trace beside a value of each histogram, in the format that has them.
func requireExemplars(t *testing.T, url string, histograms ...string) {
	t.Helper()
	eventually(t, func() error {
		a, err := send(http.MethodGet, url, http.Header{"Accept": {"application/openmetrics-text; version=1.0.0"}}, nil)
		if err != nil {
			return err
		}
		for _, name := range histograms {
			if !regexp.MustCompile(name + `_bucket\{.*\} \d+ # \{trace_id="[0-9a-f]{32}"\}`).Match(a.body) {
				return fmt.Errorf("%s has no exemplar of %s", url, name)
			}
		}
		return nil
	})
}
