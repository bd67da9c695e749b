package eventjson

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestBodyAlone(t *testing.T) {
	t.Parallel()
	e := &event.Event{ContentType: "application/json", Data: []byte(`[ 1 ]`)}
	require.Equal(t, `{"data":[ 1 ]}`, string(withBody([]byte(`{}`), e)))
	e.ContentType = ""
	require.Equal(t, `{"data_base64":"WyAxIF0="}`, string(withBody([]byte(`{}`), e)))
}

func FuzzBody(f *testing.F) {
	f.Add("application/json", []byte(`{"a":1}`))
	f.Add("text/plain", []byte("\xff"))
	f.Fuzz(func(t *testing.T, contentType string, data []byte) {
		object := withBody([]byte(`{"id":"x"}`), &event.Event{ContentType: contentType, Data: data})
		var back struct {
			Data       json.RawMessage `json:"data"`
			DataBase64 []byte          `json:"data_base64"`
		}
		require.NoError(t, json.Unmarshal(object, &back))
		if back.Data == nil {
			require.Equal(t, string(data), string(back.DataBase64))
			return
		}
		require.Equal(t, strings.Trim(string(data), " \t\r\n"), string(back.Data))
	})
}
