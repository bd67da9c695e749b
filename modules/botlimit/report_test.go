package botlimit

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/report"
)

// TestReported says what the limits are and who is above them, and resets one.
func TestReported(t *testing.T) {
	t.Parallel()
	h, unload := load(t, "", Handler{OverLimit: overLimitReject, Zones: []Zone{
		{
			Name: "reported", Key: "everybody", Rate: Rate{1, time.Hour}, Burst: 1,
			Plan: "{http.vars.plan}", Plans: map[string]Plan{"gold": {Rate: Rate{5, time.Minute}, Burst: 7}},
		},
		{Name: "reported-places", Key: "{http.vars.client_ip}", MaxInFlight: 3},
	}})
	defer unload()
	r := reported{h}
	require.Equal(t, []report.Zone{
		{Name: "reported", Key: "everybody", Rate: "1/h", Burst: 1, Interval: 3600, Plans: []report.Plan{{Name: "gold", Rate: "5/m", Burst: 7}}},
		{Name: "reported-places", Key: "{http.vars.client_ip}", MaxInFlight: 3},
	}, r.Zones())
	offender := func() (found []report.Offender) {
		for _, o := range r.Offenders(100) {
			if o.Zone == "reported" {
				found = append(found, o)
			}
		}
		return found
	}
	send(t, h, somebody)
	require.Empty(t, offender())
	require.Equal(t, 429, send(t, h, somebody).Code)
	require.Len(t, offender(), 1)
	require.Equal(t, "everybody", offender()[0].Key)
	spent, err := r.Spent(t.Context(), "everybody", "reported", "another")
	require.NoError(t, err)
	require.InDelta(t, time.Hour, spent[0], float64(time.Minute))
	require.Zero(t, spent[1])
	require.NoError(t, r.Reset(t.Context(), "reported", "everybody"))
	require.Equal(t, 202, send(t, h, somebody).Code)
	require.Empty(t, offender())
}
