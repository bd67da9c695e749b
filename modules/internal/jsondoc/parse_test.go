package jsondoc_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// reference decodes as encoding/json does, into the values that validators work on.
func reference(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows")
	}
	return v, nil
}

// documents are decoded as encoding/json does.
var documents = []string{
	`{}`, `[]`, `null`, ` true `, `false`, `""`, `0`, "\t\r\n[ 1 , 2 ]\n",
	`{"a":{"b":[1,{"c":null}]},"d":"e"}`, `{"":1}`, `[[],[[]],{}]`,
	`-0`, `-0.0`, `1e5`, `1E+5`, `1e-5`, `12.50e07`, `1e400`, `18446744073709551616`, strings.Repeat("9", 64),
	`"\"\\\/\b\f\n\r\t\u00e9"`, `"é€😀"`, `"\uD83D\uDE00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\ude00\ud83d"`, `"\u0000"`, `"\u2028"`,
	`"` + "\x7f" + `"`, `{"\u0061":1,"b":2}`,
}

func TestDecodesAsEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, text := range documents {
		want, err := reference([]byte(text))
		require.NoError(t, err, text)
		got, err := jsondoc.Parse([]byte(text), jsondoc.Limits{})
		require.NoError(t, err, text)
		require.Equal(t, want, got.Root().Decode(), text)
	}
}

// malformed are the documents that are no JSON, or not only that, and what is said.
var malformed = map[string]string{
	``:                 "it ends where a value should follow, at byte 1",
	` `:                "it ends where a value should follow, at byte 2",
	`{`:                "it ends where a member's name in quotes should follow, at byte 2",
	`{"a"`:             "it ends where a colon should follow, at byte 5",
	`{"a" 1}`:          "a colon is missing, at byte 6",
	`{"a":}`:           "a value is missing, at byte 6",
	`{"a":1`:           "it ends where a comma or } should follow, at byte 7",
	`{"a":1,}`:         "a member's name in quotes is missing, at byte 8",
	`{a:1}`:            "a member's name in quotes is missing, at byte 2",
	`[1 2]`:            "a comma or ] is missing, at byte 4",
	`[1,]`:             "a value is missing, at byte 4",
	`[1}`:              "a comma or ] is missing, at byte 3",
	`tru`:              "a value is missing, at byte 1",
	`nulll`:            "something follows the document, at byte 5",
	`{} {}`:            "something follows the document, at byte 4",
	`NaN`:              "a value is missing, at byte 1",
	`'a'`:              "a value is missing, at byte 1",
	`"a`:               "it ends where a quote should follow, at byte 3",
	`"a\`:              "it ends where a quote should follow, at byte 4",
	`"\x"`:             "a string has an unknown escape sequence",
	`"\u12g4"`:         "a string has an unknown escape sequence",
	`"\u+123"`:         "a string has an unknown escape sequence",
	`"\u12"`:           "a string has an unknown escape sequence",
	"\"a\nb\"":         "a string has a control character that is not escaped, at byte 3",
	"\"\\\n\"":         "a string has an unknown escape sequence or control character",
	"\"\xff\"":         "a string is not valid UTF-8, at byte 2",
	"\"\xed\xa0\x80\"": "a string is not valid UTF-8",
	"{\"\xc3\":1}":     "a string is not valid UTF-8",
	"\xef\xbb\xbf{}":   "a byte order mark must not come first, at byte 1",
	"\x00":             "a value is missing, at byte 1",
	`01`:               "a number has a form that JSON does not know, at byte 1",
	`1.`:               "a number has a form that JSON does not know",
	`.1`:               "a value is missing",
	`-`:                "a number has a form that JSON does not know",
	`+1`:               "a value is missing",
	`1e`:               "a number has a form that JSON does not know",
	`1e+`:              "a number has a form that JSON does not know",
	`1-2`:              "a number has a form that JSON does not know",
	`1.2.3`:            "a number has a form that JSON does not know",
	`0x1`:              "something follows the document",
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	for text, want := range malformed {
		_, err := jsondoc.Parse([]byte(text), jsondoc.Limits{})
		require.ErrorIs(t, err, jsondoc.ErrNotJSON, text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestErrorsSayWhere(t *testing.T) {
	t.Parallel()
	for text, pointer := range map[string]string{
		`{"a":1,"a":2}`:                "/a",
		`{"a":1,"\u0061":2}`:           "/a",
		`{"x":[0,{"a~/b":{"c":1]}]}`:   "/x/1/a~0~1b",
		`[[],[1,tru]]`:                 "/1/1",
		`{"k":"SECRET` + "\x01" + `"}`: "/k",
	} {
		_, err := jsondoc.Parse([]byte(text), jsondoc.Limits{})
		var refused *jsondoc.Error
		require.ErrorAs(t, err, &refused, text)
		require.Equal(t, pointer, refused.Pointer, text)
		require.NotContains(t, err.Error(), "SECRET")
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	small := jsondoc.Limits{MaxDepth: 2, MaxMembers: 2, MaxItems: 3, MaxNumber: 4}
	for _, c := range []struct{ within, beyond, pointer, option string }{
		{`[{}]`, `[1,{"a":[]}]`, "/1/a", "max_depth"},
		{`{"a":{"b":1,"c":1}}`, `{"a":{"b":1,"c":1,"d":1}}`, "/a", "max_members"},
		{`[1,2,3]`, `{"a":[1,2,3,4]}`, "/a", "max_items"},
		{`[1234,-123,"12345"]`, `[12345]`, "/0", "max_number"},
		{`[1e99]`, `[1e+400]`, "/0", "max_number"},
	} {
		_, err := jsondoc.Parse([]byte(c.within), small)
		require.NoError(t, err, c.within)
		_, err = jsondoc.Parse([]byte(c.beyond), small)
		require.ErrorIs(t, err, jsondoc.ErrTooComplex, c.beyond)
		var refused *jsondoc.Error
		require.ErrorAs(t, err, &refused, c.beyond)
		require.Equal(t, c.pointer, refused.Pointer)
		require.Equal(t, c.option, refused.Option)
		_, err = jsondoc.Parse([]byte(c.beyond), jsondoc.Limits{})
		require.NoError(t, err, c.beyond)
	}
}

// TestHostileNumbers would make a validator panic or run for minutes.
func TestHostileNumbers(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"1e401", "1E-401", "1e999999", "1e+99999999999999999999", strings.Repeat("9", 100_000)} {
		_, err := jsondoc.Parse([]byte(`{"n":[1,`+number+`]}`), jsondoc.Limits{})
		require.ErrorIs(t, err, jsondoc.ErrTooComplex)
		require.ErrorContains(t, err, "/n/1")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range documents {
		f.Add([]byte(text))
	}
	for text := range malformed {
		f.Add([]byte(text))
	}
	f.Add([]byte(`{"a":1,"\u0061":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := jsondoc.Parse(text, jsondoc.Limits{})
		want, errWant := reference(text)
		if err == nil {
			require.NoError(t, errWant)
			require.Equal(t, want, got.Root().Decode())
			require.True(t, utf8.Valid(text))
			return
		}
		var refused *jsondoc.Error
		require.ErrorAs(t, err, &refused)
		require.LessOrEqual(t, len(refused.Pointer), 256)
		if errors.Is(err, jsondoc.ErrNotJSON) && !strings.Contains(err.Error(), "twice") && utf8.Valid(text) {
			require.Error(t, errWant, "only we refuse it: %v", err)
		}
	})
}
