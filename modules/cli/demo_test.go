package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/bots"
	"github.com/botgate/botgate/internal/testsvc"
)

func TestDemoBots(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "demo")
	listen := testsvc.FreeAddresses(t, 1)[0]
	require.NoError(t, writeDemoBots(data, listen))
	require.NoError(t, writeDemoBots(data, "127.0.0.1:2"), "a file that is there stays")
	_, err := initialize(data, listen)
	require.NoError(t, err)
	set, err := bots.Load(filepath.Join(data, botsFile))
	require.NoError(t, err)
	require.Len(t, set, 5)

	stop, err := serveDemoBots(t.Context(), listen)
	require.NoError(t, err)
	defer func() { require.NoError(t, stop(context.Background())) }()
	answers := map[int]int{}
	for range 40 {
		w := httptest.NewRecorder()
		answerAsDemo(w, httptest.NewRequest(http.MethodPost, "/flaky", nil))
		answers[w.Code]++
	}
	require.NotZero(t, answers[http.StatusNoContent])
	require.NotZero(t, answers[http.StatusServiceUnavailable])
}
