package jwks

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKeysAreReplacedAsAWhole(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "a", "b"))
	source := open(t, Config{URL: provider.URL, Refresh: 10 * time.Millisecond})
	first := requireKeys(t, source, "a", "b")
	provider.turn(serving(t, "b"))
	second := requireKeys(t, source, "b")
	require.NotEqual(t, first.Version, second.Version)

	provider.turn(body(`{"keys":[]}`))
	require.Eventually(t, func() bool {
		document, err := source.latest(t.Context())
		return err == nil && len(document.Keys) == 0
	}, time.Minute, time.Millisecond, "an emptied set lets nothing pass")
}

// TestBogusKeyIDsAreNoFlood: krakend-jose and caddy-jwt ask the provider once per bogus id.
func TestBogusKeyIDsAreNoFlood(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "a"))
	source := open(t, Config{URL: provider.URL})
	seen := requireKeys(t, source, "a").Version
	var callers sync.WaitGroup
	for range 200 {
		callers.Go(func() {
			document, err := source.refetch(t.Context(), seen)
			require.True(t, errors.Is(err, errUnavailable) || document.Version == seen)
		})
	}
	callers.Wait()
	require.LessOrEqual(t, provider.count(), 1+3)
	require.Greater(t, provider.count(), 1)
}

// TestRotationReachesGoodClientsAmidBogusKeyIDs: whoever empties the bucket gets 503 with everybody, and the
// fetch that everybody waits for comes by itself.
func TestRotationReachesGoodClientsAmidBogusKeyIDs(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "old"))
	source := open(t, Config{URL: provider.URL})
	seen := requireKeys(t, source, "old").Version
	var err error
	for range refetchBurst {
		_, err = source.refetch(t.Context(), seen)
		require.NoError(t, err, "it is known that there are none")
	}
	for err == nil {
		_, err = source.refetch(t.Context(), seen)
	}
	require.ErrorIs(t, err, errUnavailable)
	provider.turn(serving(t, "new"))
	require.Eventually(t, func() bool {
		document, err := source.latest(t.Context())
		return err == nil && ids(document)[0] == "new"
	}, time.Minute, 10*time.Millisecond, "nobody else has to ask")
}

// TestRotationServesTheRequestThatMeetsIt: caddy-jwt refuses the first requests after one.
func TestRotationServesTheRequestThatMeetsIt(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "old"))
	source := open(t, Config{URL: provider.URL})
	seen := requireKeys(t, source, "old").Version
	provider.turn(serving(t, "old", "new"))
	newer, err := source.refetch(t.Context(), seen)
	require.NoError(t, err)
	require.Equal(t, []string{"old", "new"}, ids(newer))

	before := provider.count()
	again, err := source.refetch(t.Context(), seen)
	require.NoError(t, err)
	require.Equal(t, newer.Version, again.Version)
	require.Equal(t, before, provider.count(), "what is there already is not fetched")
}

// TestKnownKeysDoNotWaitForASlowProvider: krakend-jose holds a lock during the download.
func TestKnownKeysDoNotWaitForASlowProvider(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "a"))
	source := open(t, Config{URL: provider.URL, Wait: time.Hour})
	seen := requireKeys(t, source, "a").Version
	reached := make(chan struct{})
	hang := hanging(t)
	provider.turn(func(w http.ResponseWriter, r *http.Request) {
		close(reached)
		hang(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	var bogus sync.WaitGroup
	bogus.Go(func() {
		_, err := source.refetch(ctx, seen)
		require.ErrorIs(t, err, errUnavailable)
	})
	<-reached
	document, err := source.latest(t.Context())
	require.NoError(t, err)
	require.Equal(t, seen, document.Version)
	cancel()
	bogus.Wait()
}

// TestFailureIsForgottenWithRecovery: in krakend-jose one 503 locks good key ids out.
func TestFailureIsForgottenWithRecovery(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, status(http.StatusServiceUnavailable))
	source := open(t, Config{URL: provider.URL})
	_, err := source.latest(t.Context())
	require.ErrorIs(t, err, errUnavailable)
	provider.turn(serving(t, "a"))
	require.Eventually(t, func() bool {
		document, err := source.latest(t.Context())
		return err == nil && len(document.Keys) == 1
	}, time.Minute, 5*time.Millisecond)
}

func TestHangingProviderCostsABoundedWait(t *testing.T) {
	t.Parallel()
	source := open(t, Config{URL: newIDP(t, hanging(t)).URL, Wait: time.Millisecond})
	_, err := source.latest(t.Context())
	require.ErrorIs(t, err, errUnavailable)
	_, err = source.refetch(t.Context(), 0)
	require.ErrorIs(t, err, errUnavailable)
}

func TestLastGoodKeysServeUntilTheyAreTooOld(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "a"))
	source := open(t, Config{URL: provider.URL, Refresh: 5 * time.Millisecond, MaxStale: 300 * time.Millisecond})
	requireKeys(t, source, "a")
	provider.turn(status(http.StatusInternalServerError))
	failed := provider.count()
	require.Eventually(t, func() bool { return provider.count() > failed+1 }, time.Minute, time.Millisecond)
	require.Eventually(t, func() bool {
		_, err := source.latest(t.Context())
		return err != nil
	}, time.Minute, time.Millisecond)
	_, err := source.latest(t.Context())
	require.ErrorIs(t, err, errUnavailable)
}

func TestHostileAnswersKeepTheKeysAtHand(t *testing.T) {
	t.Parallel()
	tests := map[string]http.HandlerFunc{
		"huge":              body(`{"keys":[` + strings.Repeat(" ", 1000) + `]}`),
		"not JSON":          body("<html>"),
		"no keys":           body(`{"error":"x"}`),
		"keys of no array":  body(`{"keys":{}}`),
		"null":              body("null"),
		"redirect to http":  redirect("http://idp.example/keys"),
		"redirect to file":  redirect("file:///etc/passwd"),
		"endless redirects": redirect(""),
		"not found":         status(http.StatusNotFound),
		"no content":        status(http.StatusNoContent),
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := newIDP(t, body(`{"keys":[]}`))
			source := open(t, Config{URL: provider.URL, MaxBody: 500})
			first, err := source.latest(t.Context())
			require.NoError(t, err)
			provider.turn(answer)
			_, err = source.refetch(t.Context(), first.Version)
			require.ErrorIs(t, err, errUnavailable)
			document, err := source.latest(t.Context())
			require.NoError(t, err)
			require.Equal(t, first.Version, document.Version)
		})
	}
}

func redirect(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to+"?again", http.StatusFound) }
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	keys := newIDP(t, serving(t, "a"))
	provider := newIDP(t, status(http.StatusNotFound))
	metadata := func(issuer, jwksURI string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/.well-known/openid-configuration" {
				w.WriteHeader(http.StatusNotFound)
				return
			}
			body(`{"issuer":"`+issuer+`","jwks_uri":"`+jwksURI+`"}`)(w, r)
		}
	}
	provider.turn(metadata(provider.URL, keys.URL))
	requireKeys(t, open(t, Config{Issuer: provider.URL}), "a")
	requireKeys(t, open(t, Config{MetadataURL: provider.URL + "/.well-known/openid-configuration"}), "a")

	for name, answer := range map[string]http.HandlerFunc{
		"another issuer": metadata("https://other.example", keys.URL),
		"plain http":     metadata(provider.URL, "http://idp.example/keys"),
		"no address":     metadata(provider.URL, ""),
		"not JSON":       body("x"),
	} {
		provider.turn(answer)
		source := open(t, Config{Issuer: provider.URL, MaxBody: int64(1000 + len(name))})
		_, err := source.latest(t.Context())
		require.ErrorIs(t, err, errUnavailable, name)
	}
}

func TestSourcesAreSharedAndSurviveReloads(t *testing.T) {
	t.Parallel()
	provider := newIDP(t, serving(t, "a"))
	first := open(t, Config{URL: provider.URL})
	requireKeys(t, first, "a")
	second, err := acquire(Config{URL: provider.URL})
	require.NoError(t, err)
	require.Same(t, first, second)
	require.NoError(t, second.release())
	require.Equal(t, 1, provider.count())

	other, err := acquire(Config{URL: provider.URL + "/x", Logger: discard})
	require.NoError(t, err)
	requireKeys(t, other, "a")
	require.NoError(t, other.release())
	document, err := other.latest(t.Context())
	require.NoError(t, err, "requests of the old configuration go on")
	_, err = other.refetch(t.Context(), document.Version)
	require.ErrorIs(t, err, errUnavailable)
}

func TestAddressesMustBeTrustworthy(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]Config{
		"plain http":     {URL: "http://idp.example/keys"},
		"not loopback":   {URL: "http://127.0.0.1.example/keys"},
		"no host":        {URL: "https:///keys"},
		"a path":         {URL: "keys.json"},
		"file":           {URL: "file:///keys.json"},
		"none":           {},
		"two":            {URL: "https://a.example", Issuer: "https://b.example"},
		"issuer":         {Issuer: "http://idp.example"},
		"metadata":       {MetadataURL: "ftp://idp.example"},
		"not an address": {URL: "https://a b/%zz"},
	} {
		_, err := acquire(config)
		require.Error(t, err, name)
	}
}

// TestProviderNamesNothingFurtherInside: metadata of a public provider can't have the gateway ask its own
// machine or network.
func TestProviderNamesNothingFurtherInside(t *testing.T) {
	t.Parallel()
	for configured, tests := range map[string]map[string]bool{
		"https://idp.example":   {"1.1.1.1": true, "10.0.0.1": false, "127.0.0.1": false, "169.254.169.254": false},
		"https://idp.internal":  {"1.1.1.1": true, "10.0.0.1": true, "127.0.0.1": false, "169.254.169.254": false},
		"http://localhost:8080": {"1.1.1.1": true, "10.0.0.1": true, "127.0.0.1": true, "169.254.169.254": false},
	} {
		f := newFetcher(Config{Issuer: configured})
		resolved := map[string]string{"idp.example": "1.2.3.4", "idp.internal": "10.9.9.9", "localhost": "127.0.0.1"}[f.host]
		require.NoError(t, f.allow(f.host, netip.MustParseAddr(resolved)))
		for to, want := range tests {
			require.Equal(t, want, f.allow("keys.example", netip.MustParseAddr(to)) == nil, "%s to %s", configured, to)
		}
		plain := &url.URL{Scheme: "http", Host: "127.0.0.1:8081"}
		require.Equal(t, f.host == "localhost", f.check(plain) == nil, configured)
	}
}
