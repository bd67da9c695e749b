package eventjson

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/event"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		answer *event.Answer
		want   string
	}{
		{nil, `null`},
		{
			&event.Answer{ContentType: "application/json", Body: []byte(`{"error":"no €"}`), Truncated: true},
			`{"content_type":"application/json","truncated":true,"body":"{\"error\":\"no €\"}"}`,
		},
		{&event.Answer{ContentEncoding: "gzip", Body: []byte{0x1f, 0x8b}}, `{"content_encoding":"gzip","body_base64":"H4s="}`},
		{&event.Answer{Body: []byte("a\x00b")}, `{"body_base64":"YQBi"}`},
	} {
		got, err := json.Marshal(viewAnswer(tc.answer))
		require.NoError(t, err)
		require.Equal(t, tc.want, string(got))
	}
}

func TestAnswersOfTheLastAttempts(t *testing.T) {
	t.Parallel()
	changes := make([]event.Change, MaxAnswers+2)
	for i := range changes {
		changes[i].Answer = &event.Answer{Body: []byte("x")}
	}
	views := viewAttempts(changes)
	require.Nil(t, views[1].Answer)
	require.NotNil(t, views[2].Answer)
	require.NotNil(t, changes[0].Answer, "a cached record is not changed")
}
