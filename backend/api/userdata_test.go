package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/backend/session"
	"github.com/botgate/botgate/backend/store"
	"github.com/botgate/botgate/backend/userdata"
)

// fakeUserData has an event and a session of everybody but "nobody". Its error comes after
// the event, if there is one.
type fakeUserData struct {
	record *store.Record
	err    error
}

func (f fakeUserData) Export(_ context.Context, user, _ string) iter.Seq2[userdata.Item, error] {
	return func(yield func(userdata.Item, error) bool) {
		switch {
		case user == "nobody":
		case f.err != nil && user != "half":
			yield(userdata.Item{}, f.err)
		case !yield(userdata.Item{Event: f.record}, nil):
		case f.err != nil:
			yield(userdata.Item{}, f.err)
		default:
			yield(userdata.Item{Session: &session.Session{Key: session.Key{Bot: "demo", User: user}, Data: []byte(`{"a":1}`)}}, nil)
		}
	}
}

func (f fakeUserData) Erase(context.Context, string) (int64, error) { return 7, f.err }

func TestExportOfAUser(t *testing.T) {
	t.Parallel()
	rec := record("application/json", []byte("{\n  \"text\": \"a\\nb\"\r\n}"))
	server := httptest.NewServer(handler(t, Config{UserData: fakeUserData{record: rec}}))
	t.Cleanup(server.Close)
	answer, err := http.Get(server.URL + "/v1/users/alice/data")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, "application/x-ndjson", answer.Header.Get("Content-Type"))
	lines := bufio.NewScanner(answer.Body)
	require.True(t, lines.Scan())
	var first struct {
		Event struct {
			ID       string
			Attempts []any
			Data     struct{ Text string }
		}
	}
	require.NoError(t, json.Unmarshal(lines.Bytes(), &first))
	require.Equal(t, rec.Event.ID, first.Event.ID)
	require.Equal(t, "a\nb", first.Event.Data.Text)
	require.True(t, lines.Scan())
	require.Contains(t, lines.Text(), `{"session":{"bot":"demo","user":"alice"`)
	require.False(t, lines.Scan())
}

// TestExportThatFails: what breaks off must not look whole.
func TestExportThatFails(t *testing.T) {
	t.Parallel()
	data := fakeUserData{record: record("application/json", []byte(`{}`)), err: errors.New("broken")}
	server := httptest.NewServer(handler(t, Config{UserData: data}))
	t.Cleanup(server.Close)
	whole, err := http.Get(server.URL + "/v1/users/alice/data")
	require.NoError(t, err)
	defer whole.Body.Close()
	require.Equal(t, http.StatusInternalServerError, whole.StatusCode)
	half, err := http.Get(server.URL + "/v1/users/half/data")
	if err != nil {
		return // Cut off before the headers were sent.
	}
	defer half.Body.Close()
	lines := bufio.NewScanner(half.Body)
	for lines.Scan() {
		require.NotContains(t, lines.Text(), "session")
	}
	require.Error(t, lines.Err())
}

func TestErasureIsNotForATokenOfOneBot(t *testing.T) {
	t.Parallel()
	h := handler(t, Config{UserData: fakeUserData{}})
	r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/v1/users/alice/data", nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
	require.JSONEq(t, `{"user":"alice","events":7}`, w.Body.String())
	r.Header.Set(BotHeader, "demo")
	w = httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code)
}
