package botsignature

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBatchBombs are refused as a whole: nothing of them reaches the next handler.
func TestBatchBombs(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 100_000)
	for name, tt := range map[string]struct {
		platform, body, slug string
		status               int
	}{
		"many":             {"line", `{"events":[` + strings.Repeat("{},", 1000) + `{}]}`, "too-complex", http.StatusUnprocessableEntity},
		"envelope":         {"line", `{"destination":"` + large + `","events":[` + strings.Repeat("{},", 40) + `{}]}`, "too-large", http.StatusRequestEntityTooLarge},
		"many of Meta":     {"meta", `{"entry":[{"messaging":[` + strings.Repeat("{},", 1000) + `{}]}]}`, "too-complex", http.StatusUnprocessableEntity},
		"envelope of Meta": {"meta", `{"x":"` + large + `","entry":[{"messaging":[` + strings.Repeat("{},", 160) + `{}]}]}`, "too-large", http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := load(t, &Handler{Platform: tt.platform, Platforms: map[string]*PlatformConfig{
				tt.platform: {Files: []string{writeFile(t, githubSecret)}},
			}})
			w, p := send(t, h, signed(t, tt.platform, githubSecret, tt.body))
			require.Equal(t, tt.status, w.Code, "%s", w.Body)
			require.Contains(t, w.Body.String(), tt.slug)
			require.False(t, p.reached)

			h.MaxSize = 10_000_000
			w, p = send(t, h, signed(t, tt.platform, githubSecret, tt.body))
			require.Equal(t, tt.slug == "too-large", p.reached, "%s: the bound follows max_size", w.Body)
		})
	}
}
