package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/app"
	"github.com/botgate/botgate/internal/testsvc"
)

// TestExportWithoutABlobStore has RabbitMQ, beside which there is no folder for files by default.
func TestExportWithoutABlobStore(t *testing.T) {
	t.Parallel()
	c := settings(t, "http://127.0.0.1:1")
	c.QueueURL = testsvc.RabbitMQ(t)
	a := start(t, app.Config{Settings: c})
	export := strings.NewReader(`{"kind":"export"}`)
	response, err := http.Post("http://"+a.Addr().String()+"/v1/jobs", "application/json", export)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode, "%s", body)
	require.Contains(t, string(body), "BOTGATE_BLOB_URL")
}
