package session

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMergePatch(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ document, patch, want string }{
		// The cases of RFC 7396, appendix A.
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		// And what the parts that are not touched keep.
		{``, `{"a":1}`, `{"a":1}`},
		{`{"n":123456789012345678901234567890.10}`, `{"a":1e400}`, `{"a":1e400,"n":123456789012345678901234567890.10}`},
		{`{"t":"<&\ud800\u2028>"}`, `{"<":"&"}`, `{"<":"&","t":"<&\ud800\u2028>"}`},
		{`{"A":1}`, `{"a":2}`, `{"A":1,"a":2}`},
		{`{"":{"":1}}`, `{"":{"":null}}`, `{"":{}}`},
	} {
		got, err := mergePatch([]byte(tc.document), []byte(tc.patch))
		require.NoError(t, err)
		require.Equal(t, tc.want, string(got), "%s and %s", tc.document, tc.patch)
	}
}

func TestCheckObject(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	for _, good := range []string{`{}`, ` {"a":[{"a":1},{"a":2}],"b":{"a":1e999}} `, nested(MaxDepth)} {
		require.NoError(t, checkObject([]byte(good)), good)
	}
	for _, bad := range []string{
		``, `null`, `[]`, `1`, `"{}"`, `{`, `{}{}`, `{} x`, `{"a":1,}`, `{a:1}`, `{'a':1}`, `{"a":01}`, `{"a":NaN}`, "{\"a\":\"\n\"}", "\ufeff{}",
		`{"a":1,"a":1}`, `{"b":[{"a":1,"\u0061":2}]}`, "{\"a\":\"\xff\"}", `{"\ud800":1,"\ud801":2}`,
	} {
		require.ErrorIs(t, checkObject([]byte(bad)), ErrDocument, bad)
	}
	for _, deep := range []string{nested(MaxDepth + 1), strings.Repeat(`{"a":`, MaxDepth+1) + "1" + strings.Repeat("}", MaxDepth+1)} {
		require.ErrorIs(t, checkObject([]byte(deep)), ErrTooDeep)
	}
}

// plainMerge is the pseudocode of RFC 7396, section 2.
func plainMerge(document, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	result, ok := document.(map[string]any)
	if !ok {
		result = map[string]any{}
	}
	for name, change := range changes {
		if change == nil {
			delete(result, name)
		} else {
			result[name] = plainMerge(result[name], change)
		}
	}
	return result
}

func decoded(t *testing.T, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v))
	return v
}

func FuzzMergePatch(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"a":{"b":"c"}}`, `{"a":{"b":null,"d":[1]}}`},
		{`{"a":[1]}`, `{"a":{"b":{"c":null}}}`},
		{`{"\ud800":"<\u2028"}`, `{"x":1e400}`},
		{`{}`, `{"a":{"a":{"a":{"a":{}}}}}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, document, patch []byte) {
		if checkObject(document) != nil || checkObject(patch) != nil {
			return
		}
		merged, err := mergePatch(document, patch)
		require.NoError(t, err)
		require.NoError(t, checkObject(merged), "what is stored can be patched again: %s", merged)
		require.Equal(t, plainMerge(decoded(t, document), decoded(t, patch)), decoded(t, merged))
		again, err := mergePatch(merged, patch)
		require.NoError(t, err)
		require.Equal(t, string(merged), string(again), "a patch that is sent twice")
	})
}
