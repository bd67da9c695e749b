package botlimit

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	t.Parallel()
	good := Zone{Name: "a", Rate: Rate{1, time.Second}}
	with := func(change func(z *Zone)) Handler {
		z := good
		change(&z)
		return Handler{Zones: []Zone{z}}
	}
	require.NoError(t, validate(Handler{Zones: []Zone{good}}))
	for want, h := range map[string]Handler{
		"option zone":             {},
		"option budget":           {Zones: []Zone{good}, Budget: -1},
		"option on_store_error":   {Zones: []Zone{good}, OnStoreError: "panic"},
		"the share must":          {Zones: []Zone{good}, LocalShare: 1.5},
		"option over_limit":       {Zones: []Zone{good}, OverLimit: "ignore"},
		"option max_delay":        {Zones: []Zone{good}, MaxDelay: caddy.Duration(48 * time.Hour)},
		"option ipv6_prefix":      {Zones: []Zone{good}, IPv6Prefix: 129},
		"two of this name":        {Zones: []Zone{good, good}},
		`zone "a b": a name`:      with(func(z *Zone) { z.Name = "a b" }),
		`zone "a": option rate`:   with(func(z *Zone) { z.Rate = Rate{} }),
		`zone "a": option burst`:  with(func(z *Zone) { z.Burst = -1 }),
		"must be from 1 to 10000": with(func(z *Zone) { z.Burst = maxCount + 1 }),
		"option lease":            with(func(z *Zone) { z.Lease = -1 }),
		"option max_in_flight":    with(func(z *Zone) { z.MaxInFlight = -1 }),
		"option cost":             with(func(z *Zone) { z.Cost = "much" }),
		"option plan: needs":      with(func(z *Zone) { z.Plan = "{http.auth.user.plan}" }),
		`option plan: "pro"`:      with(func(z *Zone) { z.Plan, z.Plans = "{p}", map[string]Plan{"pro": {}} }),
		"option exempt":           with(func(z *Zone) { z.Exempt = []string{"10.0.0.0/99"} }),
	} {
		err := validate(h)
		require.ErrorContains(t, err, want)
	}
}

// validate does what a load does with the options.
func validate(h Handler) error {
	h.setDefaults()
	for i := range h.Zones {
		if err := h.Zones[i].provision(); err != nil {
			return err
		}
	}
	return h.Validate()
}
