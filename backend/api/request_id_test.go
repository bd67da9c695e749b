package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/logcontext"
	"github.com/botgate/botgate/internal/requestid"
	"github.com/botgate/botgate/internal/testlog"
)

// TestRequestIDIsTheGateways also has a record of the request say it.
func TestRequestIDIsTheGateways(t *testing.T) {
	t.Parallel()
	for given, taken := range map[string]bool{"4UUZX2TQ7C3JHN5OWMIB6RKYAE": true, "": false, "no id": false} {
		log := new(testlog.Buffer)
		h := handler(t, Config{Reader: &fakeReader{err: errors.New("broken")}, Logger: logcontext.Logger(log.Logger())})
		r := httptest.NewRequest(http.MethodGet, "/v1/events/e", nil)
		r.Header.Set(requestid.Header, given)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Equal(t, http.StatusInternalServerError, w.Code)
		id := w.Header().Get(requestid.Header)
		require.True(t, requestid.Valid(id), id)
		require.Equal(t, taken, id == given)
		require.Contains(t, log.String(), "request_id="+id)
	}
}
