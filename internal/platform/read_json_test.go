package platform

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ object, want string }{
		"first":                  {`{"id":1,"x":2}`, `1`},
		"last":                   {`{"x":2,"id":1}`, `1`},
		"spaces":                 {" \t\r\n{ \"id\" : {\"a\" : [ ] } } ", `{"a" : [ ] }`},
		"repeated":               {`{"id":1,"id":2}`, `2`},
		"nested only":            {`{"x":{"id":1}}`, ``},
		"in an array":            {`[{"id":1}]`, ``},
		"other case":             {`{"ID":1}`, ``},
		"escaped name":           {`{"\u0069d":"yes"}`, `"yes"`},
		"brackets in strings":    {`{"x":"}]{[","id":"]}"}`, `"]}"`},
		"quotes in strings":      {`{"x":"\"id\":3,\\","id":"a\"\\"}`, `"a\"\\"`},
		"true":                   {`{"id":true}`, `true`},
		"after broken JSON":      {`{"x" 1,"id":1}`, ``},
		"before broken JSON":     {`{"id":1,"x" 1`, `1`},
		"open string":            {`{"id":"a`, ``},
		"open escape":            {`{"id":"a\`, ``},
		"open object":            {`{"id":{"a":1`, ``},
		"no value":               {`{"id":}`, ``},
		"no value at all":        {`{"id":`, ``},
		"empty name":             {`{"":1,"id":2}`, `2`},
		"deep enough to recurse": {`{"x":` + strings.Repeat("[", 1e6) + strings.Repeat("]", 1e6) + `,"id":1}`, `1`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.want, string(members([]byte(tt.object), "id")[0]))
		})
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`"a\nb"`: "a\nb", `12345678901234567890`: "12345678901234567890", `-1.5e3`: "-1.5e3",
		`null`: "", `true`: "", `{}`: "", `[1]`: "", ``: "", `1x`: "", `"\x"`: "", `-`: "",
	} {
		require.Equal(t, want, text([]byte(value)), value)
	}
}

// FuzzMembers compares with encoding/json wherever that accepts the document.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"id":1,"sender":{"id":"x"}}`))
	f.Add([]byte(`{"a":"\\\"","id":[{"id":"}"}]}`))
	f.Add([]byte(`{"\u0069d":null,"id":`))
	f.Fuzz(func(t *testing.T, document []byte) {
		got := members(document, "id", "sender")
		for _, value := range got {
			_ = text(value)
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(document, &want) != nil {
			return
		}
		require.Equal(t, string(want["id"]), string(got[0]))
		require.Equal(t, string(want["sender"]), string(got[1]))
	})
}
