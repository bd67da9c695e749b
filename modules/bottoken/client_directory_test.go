package bottoken

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// hashOf makes a cheap hash.
func hashOf(t testing.TB, secret string, cost int) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), cost)
	require.NoError(t, err)
	return string(hash)
}

// counted is a directory whose work is counted, in units of the least cost.
func counted(t testing.TB) (d *directory, work *int) {
	t.Helper()
	d, err := parseClients(fmt.Appendf(nil, `[
		{"id": "one", "secret_hashes": [%q]},
		{"id": "three", "secret_hashes": [%q, %q]}
	]`, hashOf(t, "secret-1", 4), hashOf(t, "secret-2", 4), hashOf(t, "secret-3", 5)), 4)
	require.NoError(t, err)
	work = new(int)
	d.compare = func(hash, secret []byte) error {
		cost, err := bcrypt.Cost(hash)
		*work += 1 << (cost - 4)
		return errors.Join(err, bcrypt.CompareHashAndPassword(hash, secret))
	}
	return d, work
}

func TestVerify(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		id, secret string
		good       bool
		work       int
	}{
		"good":              {"one", "secret-1", true, 1},
		"good, the second":  {"three", "secret-3", true, 3},
		"wrong secret":      {"one", "guess", false, 3},
		"another's secret":  {"one", "secret-2", false, 3},
		"wrong, two hashes": {"three", "guess", false, 3},
		"no such client":    {"two", "guess", false, 3},
		"above 72 bytes":    {"one", strings.Repeat("a", 73), false, 0},
		"not printable":     {"one", "secret-1\x00secret-1", false, 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, work := counted(t)
			who := d.verify(t.Context(), tt.id, tt.secret, start)
			require.Equal(t, tt.good, who != nil)
			require.Equal(t, tt.work, *work)
			require.Equal(t, who, d.recall(tt.id, tt.secret, start))
		})
	}
}

// TestBcryptCutsAndRepeats is why such secrets are refused.
func TestBcryptCutsAndRepeats(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", maxSecretSize)
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hashOf(t, long, 4)), []byte(long+"b")))
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hashOf(t, "ab", 4)), []byte("ab\x00ab")))
}

func TestSecretsAreRememberedForAWhile(t *testing.T) {
	t.Parallel()
	d, _ := counted(t)
	require.NotNil(t, d.verify(t.Context(), "one", "secret-1", start))
	require.NotNil(t, d.recall("one", "secret-1", start.Add(rememberFor-1)))
	require.Nil(t, d.recall("one", "secret-1", start.Add(rememberFor)))
	require.Nil(t, d.recall("one", "secret-2", start))
	require.Nil(t, d.recall("three", "secret-1", start))
	require.Nil(t, d.recall("two", "secret-1", start))
	other, _ := counted(t)
	require.Nil(t, other.recall("one", "secret-1", start), "another state of the file")
}

// TestNobodyWaitsForClientsThatHungUp saves the work that nobody measures any more.
func TestNobodyWaitsForClientsThatHungUp(t *testing.T) {
	t.Parallel()
	d, work := counted(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Nil(t, d.verify(ctx, "one", "guess", start))
	require.Equal(t, 1, *work)
}

func BenchmarkRecall(b *testing.B) {
	d, _ := counted(b)
	now := time.Now()
	require.NotNil(b, d.verify(b.Context(), "one", "secret-1", now))
	b.ReportAllocs()
	for b.Loop() {
		if d.recall("one", "secret-1", now) == nil {
			b.Fatal("forgotten")
		}
	}
}
