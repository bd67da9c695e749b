package jwks

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	ed25519Key = `{"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	privateKey = `{"kty":"OKP","crv":"Ed25519","kid":"private","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
)

func TestParseLeavesOutWhatIsOfNoUse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		keys string
		want []string
		told bool
	}{
		"good":             {keys: ed25519Key, want: []string{"ed"}},
		"unknown kind":     {keys: `{"kty":"AKP","kid":"pq"},` + ed25519Key, want: []string{"ed"}},
		"secret":           {keys: `{"kty":"oct","kid":"s","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"},` + ed25519Key, want: []string{"ed"}, told: true},
		"for encryption":   {keys: `{"kty":"OKP","use":"enc","crv":"Ed25519","kid":"e","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, want: nil},
		"malformed":        {keys: `{"kty":"RSA","kid":"r","n":"!","e":"AQAB"},7,"x",` + ed25519Key, want: []string{"ed"}, told: true},
		"point off curve":  {keys: `{"kty":"EC","crv":"P-256","kid":"c","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","y":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE"}`, want: nil, told: true},
		"private":          {keys: privateKey, want: []string{"private"}},
		"same id twice":    {keys: ed25519Key + "," + ed25519Key, want: []string{"ed", "ed"}},
		"nothing at all":   {keys: ``, want: nil},
		"without a key id": {keys: `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, want: []string{""}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, leftOut, err := parse([]byte(`{"keys":[` + tt.keys + `]}`))
			require.NoError(t, err)
			require.Equal(t, tt.told, leftOut != nil, "what is wrong is told, what is for others is not")
			var got []string
			for _, key := range keys {
				require.True(t, key.IsPublic())
				got = append(got, key.KeyID)
			}
			require.Equal(t, tt.want, got)
		})
	}
}

// FuzzParse: nothing panics, and only public keys for signatures come out.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"keys":[` + ed25519Key + `,` + privateKey + `]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256"},{"kty":"RSA","n":"AQ","e":"AQ"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		keys, _, _ := parse(raw)
		for _, key := range keys {
			require.True(t, key.IsPublic() && key.Valid())
		}
	})
}
