package platform_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// bombs are small requests that would become very many events, or very large ones.
func bombs() map[string]struct {
	platform, document string
	want               error
} {
	const many = 1001
	large := strings.Repeat("x", 100_000)
	followers := strings.TrimSuffix(strings.Repeat(`{"type":"follow"},`, many), ",")
	messages := strings.TrimSuffix(strings.Repeat(`{"sender":{"id":"U"},"message":{"mid":"m"}},`, many), ",")
	texts := strings.TrimSuffix(strings.Repeat(`{"from":"1","id":"a"},`, many), ",")
	fifty := strings.TrimSuffix(strings.Repeat(`{"from":"1","id":"a"},`, 50), ",")
	people := strings.TrimSuffix(strings.Repeat(`{"wa_id":"1"},`, 10_000), ",")
	value := func(more, messages string) string {
		return `{"entry":[{"changes":[{"field":"messages","value":{` + more + `"messages":[` + messages + `]}}]}]}`
	}
	return map[string]struct {
		platform, document string
		want               error
	}{
		"LINE, items":         {"line", `{"events":[` + followers + `]}`, platform.ErrBatchItems},
		"LINE, envelope":      {"line", `{"destination":"` + large + `","events":[` + strings.Repeat(`{"type":"follow"},`, 50) + `{}]}`, platform.ErrBatchBytes},
		"LINE, nothing":       {"line", `{"events":[` + strings.Repeat("0,", 400_000) + `0]}`, platform.ErrBatchItems},
		"Messenger, items":    {"meta", `{"entry":[{"messaging":[` + messages + `]}]}`, platform.ErrBatchItems},
		"Messenger, envelope": {"meta", `{"x":"` + large + `","entry":[` + strings.Repeat(`{"messaging":[{}]},`, 50) + `{}]}`, platform.ErrBatchBytes},
		"Messenger, entry":    {"meta", `{"entry":[{"x":"` + large + `","messaging":[` + strings.Repeat(`{},`, 50) + `{}]}]}`, platform.ErrBatchBytes},
		"WhatsApp, items":     {"meta", value("", texts), platform.ErrBatchItems},
		"WhatsApp, value":     {"meta", value(`"x":"`+large+`",`, fifty), platform.ErrBatchBytes},
		"WhatsApp, contacts":  {"meta", value(`"contacts":[`+people+`],`, fifty), platform.ErrBatchBytes},
		"WhatsApp, change": {
			"meta", `{"entry":[{"changes":[{"x":"` + large + `","field":"messages","value":{"messages":[` + fifty + `]}}]}]}`,
			platform.ErrBatchBytes,
		},
		"Twilio, items": {"twilio", `[` + strings.Repeat("{},", 1000) + `{}]`, platform.ErrBatchItems},
	}
}

// TestBatchBombs are refused as a whole, and cost a few times their bounds.
func TestBatchBombs(t *testing.T) {
	for name, bomb := range bombs() {
		p := get(t, bomb.platform)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		delivery, err := p.Read(&platform.Request{}, []byte(bomb.document))
		runtime.ReadMemStats(&after)
		require.Equal(t, bomb.want, err, name)
		require.Empty(t, delivery.Events, name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64_000_000), name)
	}
}

// TestBatchesWithinTheirBounds are split, up to what was configured.
func TestBatchesWithinTheirBounds(t *testing.T) {
	t.Parallel()
	messages := strings.TrimSuffix(strings.Repeat(`{"sender":{"id":"U"},"message":{"mid":"m"}},`, 1000), ",")
	require.Len(t, readMeta(t, `{"entry":[{"messaging":[`+messages+`]}]}`), 1000)

	two := []byte(`{"x":"` + strings.Repeat("x", 1000) + `","events":[{},{}]}`)
	size := int64(2 * (len(two) - len(",{}")))
	delivery, err := get(t, "line").Read(&platform.Request{MaxBatch: size}, two)
	require.NoError(t, err)
	require.Len(t, delivery.Events, 2)
	require.EqualValues(t, size, len(delivery.Events[0].Body)+len(delivery.Events[1].Body))
	_, err = get(t, "line").Read(&platform.Request{MaxBatch: size - 1}, two)
	require.Equal(t, platform.ErrBatchBytes, err)
}

// TestContactsOfABatch: an event has the contacts of its own people, and one that names nobody known those that
// no other event has.
func TestContactsOfABatch(t *testing.T) {
	t.Parallel()
	const anna, bert, nobody = `{"wa_id":"1","user_id":"US.1"}`, `{"user_id":"US.2"}`, `{"wa_id":"9"}`
	const value = `{"metadata":{"phone_number_id":"P"},"contacts":[` + anna + `,` + bert + `,` + nobody + `],"messages":[%s],"statuses":[%s]}`
	const from1, from2, from3 = `{"from":"1","id":"a"}`, `{"from_user_id":"US.2","id":"b"}`, `{"from":"3","id":"c"}`
	const to1 = `{"recipient_user_id":"US.1","id":"d","status":"sent"}`
	document := func(messages, statuses string) string {
		return `{"entry":[{"changes":[{"field":"messages","value":` + fmt.Sprintf(value, messages, statuses) + `}]}]}`
	}
	events := readMeta(t, document(from1+","+from2+","+from3, to1))
	require.Len(t, events, 4)
	all := "[" + anna + "," + bert + "," + nobody + "]"
	for n, want := range []struct{ messages, statuses, contacts string }{
		{from1, "", anna}, {from2, "", bert}, {from3, "", nobody}, {"", to1, anna},
	} {
		require.Equal(t, strings.Replace(document(want.messages, want.statuses), all, "["+want.contacts+"]", 1), string(events[n].Body))
	}
}
