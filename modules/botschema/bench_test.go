package botschema

import (
	"bytes"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/schemas"
)

// commandBody is a command of about 600 bytes.
var commandBody = []byte(`{"command":"tickets:create","args":{"title":"The printer on the second floor is on fire again",
"description":"It started after lunch. The paper tray is empty, the display says PC LOAD LETTER and there is smoke.",
"priority":1,"labels":["hardware","urgent","floor-2"],"assignee":null,"location":{"building":"A","room":"2.17","desk":4},
"attachments":[{"name":"smoke.jpg","size":184223},{"name":"display.jpg","size":99120}]},
"text":"/ticket The printer on the second floor is on fire again","conversation":"support/4711",
"reply_to":"0191e2a0-7a3c-7cc2-8f4e-5d2f6a9b1c0d","locale":"de","metadata":{"client":"desk-app/2.4"}}`)

// BenchmarkCommand compares a decode and [Schema.Check], as the handler does them, with
// a decode and the library alone.
func BenchmarkCommand(b *testing.B) {
	s, err := Compile(schemas.FS, "command.v1.json")
	require.NoError(b, err)
	run := func(check func(any) bool) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(commandBody)))
			for b.Loop() {
				document, err := jsonschema.UnmarshalJSON(bytes.NewReader(commandBody))
				if err != nil || !check(document) {
					b.Fatal("the body must pass")
				}
			}
		}
	}
	b.Run("botschema", run(func(v any) bool { return s.Check(v) == nil }))
	b.Run("library", run(func(v any) bool { return s.compiled.Validate(v) == nil }))
	b.Run("decode", run(func(any) bool { return true }))
}

func BenchmarkHandler(b *testing.B) {
	h := provisioned(b, &Handler{Schema: "command.v1.json"})
	b.ReportAllocs()
	for b.Loop() {
		post(b, h, "application/json", string(commandBody))
	}
}
