package platform_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestMembersThatDifferByCase are refused: a bot that does not look at the case would send its own token to
// the other address.
func TestMembersThatDifferByCase(t *testing.T) {
	t.Parallel()
	p := get(t, "botframework")
	secret := parse(t, p, rsaKeySet())
	for body, want := range map[string]error{
		`{"serviceUrl":"https://good","channelId":"msteams"}`:                                            nil,
		`{"serviceUrl":"https://good","channelId":"msteams","x":{"ServiceUrl":"https://evil"}}`:          nil,
		`{"serviceUrl":"https://good","channelId":"msteams","ServiceUrl":"https://evil"}`:                platform.Reason("serviceurl"),
		`{"SERVICEURL":"https://evil","serviceUrl":"https://good","channelId":"msteams"}`:                platform.Reason("serviceurl"),
		`{"serviceUrl":"https://good","channelId":"msteams","serviceUrl":"https://good"}`:                platform.Reason("serviceurl"),
		`{"serviceUrl":"https://good","channelId":"msteams","\u0053erviceUrl":"https://evil"}`:           platform.Reason("serviceurl"),
		`{"ServiceUrl":"https://good","channelId":"msteams"}`:                                            platform.Reason("serviceurl"),
		`{"serviceUrl":"https://good","channelId":"msteams","ChannelId":"directline"}`:                   platform.Reason("endorsement"),
		`{"serviceUrl":"https://good","channelId":"msteams","` + "\u017f" + `erviceUrl":"https://evil"}`: platform.Reason("serviceurl"),
		`{"serviceUrl":"https://good","channelId":"directline"}`:                                         platform.Reason("endorsement"),
	} {
		s := sent{platform: "botframework", body: json.RawMessage(`{"serviceUrl":"https://good"}`), at: time.Now()}
		req := &platform.Request{Method: http.MethodPost, Header: http.Header{}, Body: []byte(body), Now: s.at}
		req.Header.Set("Authorization", "Bearer "+s.token(t, req))
		err := p.Verify(req, []platform.Secret{secret})
		require.Equal(t, want, err, body)
	}
}

// TestTokensAreVerifiedBeforeTheBody: nothing of the body is needed to find a stranger out.
func TestTokensAreVerifiedBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := sent{platform: "botframework", body: json.RawMessage(`{"serviceUrl":"https://good"}`), at: time.Now()}
	req := &platform.Request{Method: http.MethodPost, Header: http.Header{}, Now: s.at}
	req.Header.Set("Authorization", "Bearer "+s.token(t, req))
	head := get(t, "botframework").(platform.HeadVerifier)
	secret := parse(t, get(t, "botframework"), rsaKeySet())
	checkBody, err := head.VerifyHead(req, []platform.Secret{secret})
	require.NoError(t, err)
	require.NoError(t, checkBody([]byte(`{"serviceUrl":"https://good","channelId":"msteams"}`)))
	require.Equal(t, platform.Reason("serviceurl"), checkBody([]byte(`{"serviceUrl":"https://evil","channelId":"msteams"}`)))

	req.Now = s.at.Add(2 * time.Hour)
	_, err = head.VerifyHead(req, []platform.Secret{secret})
	require.Equal(t, platform.Reason("token_expired"), err)
	for _, name := range []string{"telegram", "google-chat"} {
		_, err := get(t, name).(platform.HeadVerifier).VerifyHead(&platform.Request{Header: http.Header{}}, nil)
		require.Equal(t, platform.HeaderMissing, err)
	}
}
