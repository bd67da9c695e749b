// This file belongs to docs/decisions/0004-json-decoder.md, which says how to run it.
package payload_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/botgate/botgate/modules/internal/payload"
)

var errRefused = errors.New("refused")

// bodies are a command of 600 bytes, what bench/ sends, a push of GitHub, 100 kB of those, and a message in Cyrillic as
// Python and PHP escape it by default.
func bodies(tb testing.TB) map[string][]byte {
	tb.Helper()
	push, err := os.ReadFile("../../../schemas/testdata/valid/github/push.json")
	require.NoError(tb, err)
	return map[string][]byte{
		"command": []byte(`{"command":"tickets:create","args":{"title":"The printer on the second floor is on fire again",
"description":"It started after lunch. The paper tray is empty, the display says PC LOAD LETTER and there is smoke.",
"priority":1,"labels":["hardware","urgent","floor-2"],"assignee":null,"location":{"building":"A","room":"2.17","desk":4},
"attachments":[{"name":"smoke.jpg","size":184223},{"name":"display.jpg","size":99120}]},
"text":"/ticket The printer on the second floor is on fire again","conversation":"support/4711",
"reply_to":"0191e2a0-7a3c-7cc2-8f4e-5d2f6a9b1c0d","locale":"de","metadata":{"client":"desk-app/2.4"}}`),
		"bench": []byte(`{"command":"/order","args":["` + strings.Repeat("x", 600) + `"]}`),
		"push":  push,
		"100kB": []byte("[" + strings.TrimSuffix(strings.Repeat(string(push)+",", 75), ",") + "]"),
		"escaped": []byte(`{"message_id":42,"chat":{"id":4711,"type":"private"},"text":"` +
			strings.Repeat(`\u041f\u0440\u0438\u043d\u0442\u0435\u0440 \u0433\u043e\u0440\u0438\u0442, `, 6) + `"}`),
	}
}

var decoders = map[string]func([]byte) (any, error){
	"own":      func(text []byte) (any, error) { return payload.DecodeJSON(text, payload.Limits{}) },
	"jsontext": decodeJsontext,
}

// BenchmarkJsontext alternates between the two and counts the processor's time of the thread, so that a busy machine slows
// both down alike. x-own is how much longer jsontext takes.
func BenchmarkJsontext(b *testing.B) {
	for _, name := range []string{"command", "bench", "push", "100kB", "escaped"} {
		body := bodies(b)[name]
		b.Run(name, func(b *testing.B) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var spent [2]time.Duration
			for b.Loop() {
				for i, by := range []string{"own", "jsontext"} {
					start := threadTime()
					for range 20 {
						if _, err := decoders[by](body); err != nil {
							b.Fatal(err)
						}
					}
					spent[i] += threadTime() - start
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(spent[0].Nanoseconds())/float64(b.N)/20, "own-ns")
			b.ReportMetric(float64(spent[1].Nanoseconds())/float64(b.N)/20, "jsontext-ns")
			b.ReportMetric(float64(spent[1])/float64(spent[0]), "x-own")
		})
	}
}

func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return time.Duration(t.Nano())
}

func TestJsontextMakesTheSame(t *testing.T) {
	for name, body := range bodies(t) {
		own, err := decoders["own"](body)
		require.NoError(t, err, name)
		theirs, err := decoders["jsontext"](body)
		require.NoError(t, err, name)
		require.Equal(t, own, theirs, name)
	}
}

// decode is the leanest way over jsontext: names are compared in the map that is made anyway, and UTF-8 is checked at
// once, because only so half of a surrogate pair becomes U+FFFD as in encoding/json.
func decodeJsontext(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errRefused
	}
	d := pool.Get().(*decoder)
	defer pool.Put(d)
	d.depth, d.items = 0, d.items[:0]
	d.in.Reset(bytes.NewBuffer(text), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if _, err := d.in.ReadToken(); err != io.EOF {
		return nil, errRefused
	}
	return v, nil
}

// Decoders are worth keeping: a new one takes 450 bytes.
var pool = sync.Pool{New: func() any {
	return &decoder{limits: payload.Limits{
		MaxDepth: payload.DefaultMaxDepth, MaxMembers: payload.DefaultMaxMembers, MaxItems: payload.DefaultMaxItems, MaxNumber: payload.DefaultMaxNumber,
	}}
}}

type decoder struct {
	in     jsontext.Decoder
	limits payload.Limits
	depth  int
	items  []any
}

func (d *decoder) value() (any, error) {
	switch d.in.PeekKind() {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '0':
		return d.number()
	case '"':
		return d.string()
	}
	token, err := d.in.ReadToken()
	if err != nil {
		return nil, err
	}
	switch token.Kind() {
	case 't', 'f':
		return token.Bool(), nil
	}
	return nil, nil
}

// string takes what has no escapes as it is, which saves looking at each byte once more.
func (d *decoder) string() (string, error) {
	raw, err := d.in.ReadValue()
	if err != nil {
		return "", err
	}
	if raw[0] != '"' {
		return "", errRefused
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	unquoted, _ := jsontext.AppendUnquote(nil, raw)
	return string(unquoted), nil
}

func (d *decoder) number() (any, error) {
	raw, err := d.in.ReadValue()
	if err != nil {
		return nil, err
	}
	if len(raw) > d.limits.MaxNumber {
		return nil, errRefused
	}
	return json.Number(raw), nil // Without the check of the exponent.
}

func (d *decoder) enter() error {
	if d.depth == d.limits.MaxDepth {
		return errRefused
	}
	d.depth++
	_, err := d.in.ReadToken()
	return err
}

func (d *decoder) leave() error {
	d.depth--
	_, err := d.in.ReadToken()
	return err
}

func (d *decoder) object() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	members := make(map[string]any)
	for d.in.PeekKind() != '}' {
		name, err := d.string()
		if err != nil {
			return nil, err
		}
		if _, twice := members[name]; twice || len(members) == d.limits.MaxMembers {
			return nil, errRefused
		}
		if members[name], err = d.value(); err != nil {
			return nil, err
		}
	}
	return members, d.leave()
}

func (d *decoder) array() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	start := len(d.items)
	for d.in.PeekKind() != ']' {
		if len(d.items)-start == d.limits.MaxItems {
			return nil, errRefused
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		d.items = append(d.items, v)
	}
	array := make([]any, len(d.items)-start)
	copy(array, d.items[start:])
	d.items = d.items[:start]
	return array, d.leave()
}
