package botenqueue

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClass(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		headers []string
		bulk    bool
		status  int
	}{
		"none":     {nil, false, http.StatusAccepted},
		"reply":    {[]string{"reply"}, false, http.StatusAccepted},
		"bulk":     {[]string{"bulk"}, true, http.StatusAccepted},
		"unknown":  {[]string{"urgent"}, false, http.StatusBadRequest},
		"empty":    {[]string{""}, false, http.StatusBadRequest},
		"repeated": {[]string{"bulk", "bulk"}, false, http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fakeApp{}
			r := command(`{"command":"/x"}`)
			r.Header[headerClass] = tc.headers
			w := serve(t, newHandler(f), r, client)
			require.Equal(t, tc.status, w.Code, w.Body)
			if tc.status != http.StatusAccepted {
				require.Contains(t, w.Body.String(), "The header Botgate-Class must be reply or bulk")
				return
			}
			require.Equal(t, tc.bulk, f.published[0].IsBulk())
			if tc.bulk {
				require.Equal(t, "/bulk/"+f.published[0].ID, f.published[0].OrderKey)
			}
		})
	}
}
