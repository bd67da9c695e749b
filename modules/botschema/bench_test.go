package botschema

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/jsondoc"
	"github.com/botgate/botgate/schemas"
)

// commandBody is a command of about 600 bytes.
var commandBody = []byte(`{"command":"tickets:create","args":{"title":"The printer on the second floor is on fire again",
"description":"It started after lunch. The paper tray is empty, the display says PC LOAD LETTER and there is smoke.",
"priority":1,"labels":["hardware","urgent","floor-2"],"assignee":null,"location":{"building":"A","room":"2.17","desk":4},
"attachments":[{"name":"smoke.jpg","size":184223},{"name":"display.jpg","size":99120}]},
"text":"/ticket The printer on the second floor is on fire again","conversation":"support/4711",
"reply_to":"0191e2a0-7a3c-7cc2-8f4e-5d2f6a9b1c0d","locale":"de","metadata":{"client":"desk-app/2.4"}}`)

// BenchmarkCommand compares what the handler does, a decode and the check, with the same
// by the library alone.
func BenchmarkCommand(b *testing.B) {
	h := provisioned(b, &Handler{Schema: "command.v1.json"})
	library := libraryAlone(b, "command.v1.json")
	run := func(check func() error) func(*testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(commandBody)))
			for b.Loop() {
				if err := check(); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	ours := func() error {
		document, err := jsondoc.Parse(commandBody, h.limits)
		if err != nil || h.set.Get().Find(nil).Check(document, h.MaxErrors) != nil {
			return errors.New("the body must pass")
		}
		return nil
	}
	theirs := func() error {
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(commandBody))
		if err != nil {
			return err
		}
		return library.Validate(document)
	}
	b.Run("botschema", run(ours))
	b.Run("library", run(theirs))
	b.Run("ratio", func(b *testing.B) { ratio(b, ours, theirs) })
}

// ratio alternates between the two, so that both meet the same conditions.
func ratio(b *testing.B, ours, theirs func() error) {
	var spent [2]time.Duration
	for b.Loop() {
		for i, check := range []func() error{ours, theirs} {
			start := time.Now()
			err := check()
			spent[i] += time.Since(start)
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(spent[0])/float64(spent[1]), "x-library")
}

func libraryAlone(b *testing.B, name string) *jsonschema.Schema {
	b.Helper()
	raw, err := schemas.FS.ReadFile(name)
	require.NoError(b, err)
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(b, err)
	c := jsonschema.NewCompiler()
	require.NoError(b, c.AddResource("schemas:///"+name, document))
	compiled, err := c.Compile("schemas:///" + name)
	require.NoError(b, err)
	return compiled
}

func BenchmarkHandler(b *testing.B) {
	h := provisioned(b, &Handler{Schema: "command.v1.json"})
	b.ReportAllocs()
	for b.Loop() {
		post(b, h, "application/json", string(commandBody))
	}
}
