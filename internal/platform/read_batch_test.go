package platform_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// TestBatchesAreBounded: what would become too many events, or events too large together, goes on as the one
// event that it came as; nothing is lost.
func TestBatchesAreBounded(t *testing.T) {
	t.Parallel()
	item := func(n int) string {
		return fmt.Sprintf(`{"sender":{"id":"U%d"},"recipient":{"id":"P"},"timestamp":1,"message":{"mid":"m%d"}}`, n, n)
	}
	page := func(items int, more string) string {
		var list []string
		for n := range items {
			list = append(list, item(n))
		}
		return `{"object":"page","entry":[{"id":"P"` + more + `,"messaging":[` + strings.Join(list, ",") + `]}]}`
	}
	require.Len(t, readMeta(t, page(1000, "")), 1000)
	for name, document := range map[string]string{
		"items": page(1001, ""), "bytes": page(100, `,"x":"`+strings.Repeat("x", 1<<20)+`"`),
	} {
		events := readMeta(t, document)
		require.Len(t, events, 1, name)
		require.Equal(t, "meta.event |  |  | ", facts(events[0]))
		require.Nil(t, events[0].Body, "the request's own bytes")
	}

	line := `{"events":[` + strings.Repeat(`{"type":"follow","webhookEventId":"1"},`, 1000) + `{}]}`
	events := get(t, "line").Read(&platform.Request{}, []byte(line)).Events
	require.Len(t, events, 1)
	require.Equal(t, "line.event |  |  | ", facts(events[0]))
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
