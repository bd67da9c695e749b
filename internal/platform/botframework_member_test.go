package platform

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzOnlyText compares with a decoder that does not look at the case, as those of bots do: where there is a
// text, that finds the same.
func FuzzOnlyText(f *testing.F) {
	for _, body := range []string{
		`{"serviceUrl":"a"}`, `{"serviceUrl":"a","ServiceUrl":"b"}`, `{"\u0073erviceUrl":"a"}`, `{"serviceUrl":"a","x":{"serviceurl":"b"}}`,
		"{\"\u017ferviceUrl\":\"b\",\"serviceUrl\":\"a\"}", `{"serviceUrl":"a","serviceUrl":null}`, `{"serviceUrl":1,"a":"b"`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		found := onlyText(body, "serviceUrl")
		if found == "" || !json.Valid(body) {
			return
		}
		var bot struct {
			ServiceURL json.RawMessage `json:"serviceUrl"`
		}
		require.NoError(t, json.Unmarshal(body, &bot))
		require.Equal(t, found, text(bot.ServiceURL))
	})
}
