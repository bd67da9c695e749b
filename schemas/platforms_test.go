package schemas_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// command is the schema of what API clients send, which may be strict.
const command = "command.v1"

// TestEveryPlatformHasASchema checks that names are those of platforms. Twilio sends
// forms, and what senders with an HMAC send is theirs.
func TestEveryPlatformHasASchema(t *testing.T) {
	t.Parallel()
	want := slices.DeleteFunc(platform.Names(), func(name string) bool { return name == "twilio" || name == "hmac" })
	require.ElementsMatch(t, append(want, command), names(t))
}

// TestEnvelopesAreOpen notices keywords that would refuse what platforms may add.
func TestEnvelopesAreOpen(t *testing.T) {
	t.Parallel()
	for _, name := range envelopes(t) {
		walk(name, source(t, name), func(at string, schema map[string]any) {
			for _, keyword := range []string{
				"additionalProperties", "unevaluatedProperties", "propertyNames", "maxProperties",
				"maxItems", "unevaluatedItems", "enum", "const", "format",
			} {
				require.NotContains(t, schema, keyword, at)
			}
		})
	}
}

// TestTomorrowsFieldsPass adds an unknown field to every object of every valid sample.
func TestTomorrowsFieldsPass(t *testing.T) {
	t.Parallel()
	for _, name := range envelopes(t) {
		schema := compile(t, name)
		for _, file := range samples(t, "valid", name) {
			document := decode(t, read(t, file))
			extend(document)
			require.NoError(t, schema.Validate(document), file)
		}
	}
}

// TestSamplesHoldAnEvent checks that the samples have the form that the gateway reads: of
// each platform that names user and id in the body, at least one sample has both.
func TestSamplesHoldAnEvent(t *testing.T) {
	t.Parallel()
	settings := map[string]map[string]string{"botframework": {"app_id": "x"}, "google-chat": {"audience": "1"}}
	inHeaders := []string{"github", "hook0", "shopify", "standard-webhooks"}
	for _, name := range envelopes(t) {
		if slices.Contains(inHeaders, name) {
			continue
		}
		p, err := platform.New(name, settings[name])
		require.NoError(t, err)
		complete := 0
		for _, file := range samples(t, "valid", name) {
			delivery, err := p.Read(&platform.Request{}, read(t, file))
			require.NoError(t, err)
			for _, event := range delivery.Events {
				if event.User != "" && event.Key.Value != "" {
					complete++
				}
			}
		}
		require.Positive(t, complete, name)
	}
}

// envelope is a request of the vectors by which platforms are tested.
type envelope struct {
	Platform, Body string
	ExpectValid    bool `json:"expect_valid"`
	Request        struct{ Body string }
}

// TestRealBodiesPass checks the bodies that platforms sign and those of their handshakes.
func TestRealBodiesPass(t *testing.T) {
	t.Parallel()
	checked := map[string]int{}
	for _, file := range []string{"signature_vectors.json", "handshake_vectors.json"} {
		var all []envelope
		require.NoError(t, json.Unmarshal(read(t, "../internal/platform/testdata/"+file), &all))
		for _, e := range all {
			name := strings.TrimSuffix(e.Platform, "-outbound")
			document, ok := e.document()
			if !ok || !slices.Contains(envelopes(t), name) {
				continue
			}
			require.NoError(t, compile(t, name).Validate(document), "%s: %s", name, document)
			checked[name]++
		}
	}
	for _, name := range envelopes(t) {
		require.Positive(t, checked[name], "no vector was checked for %s", name)
	}
}

// document decodes the body, or the payload in its form; ok is whether it is JSON.
func (e envelope) document() (document any, ok bool) {
	body := e.Request.Body
	if e.ExpectValid {
		body = e.Body
	}
	if form, err := url.ParseQuery(body); err == nil && form.Has("payload") {
		body = form.Get("payload")
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(body)))
	return document, err == nil
}

// envelopes lists the schemas of what platforms send.
func envelopes(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(names(t), func(name string) bool { return name == command })
}

// extend adds an unknown field to each object.
func extend(node any) {
	switch node := node.(type) {
	case map[string]any:
		for _, child := range node {
			extend(child)
		}
		node["x_tomorrow"] = map[string]any{"a": []any{nil, true}}
	case []any:
		for _, child := range node {
			extend(child)
		}
	}
}
