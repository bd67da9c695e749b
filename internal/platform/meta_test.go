package platform_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

func readMeta(t *testing.T, document string) []platform.Event {
	t.Helper()
	delivery := deliver(t, get(t, "meta"), &platform.Request{}, []byte(document))
	require.Equal(t, "200 ", show(delivery.Reply))
	return delivery.Events
}

const (
	message1 = `{"from":"1650","id":"wamid.1","text":{"body":"Caf\u00e9"}}`
	message2 = `{"from":"1651","id":"wamid.2"}`
	status1  = `{"id":"wamid.0","status":"read","recipient_id":"1652"}`
)

func whatsapp(messages, statuses string) string {
	return `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"value":{"metadata":{"phone_number_id":"106"},"messages":[` +
		messages + `],"statuses":[` + statuses + `]},"field":"messages"}]}]}`
}

func TestMetaMessageAlone(t *testing.T) {
	t.Parallel()
	events := readMeta(t, whatsapp(message1, ""))
	require.Len(t, events, 1)
	require.Equal(t, "meta.messages | 1650 | 106:1650 | wamid.1", facts(events[0]))
	require.Nil(t, events[0].Body, "the request's own bytes")
}

func TestMetaBatchIsSplit(t *testing.T) {
	t.Parallel()
	events := readMeta(t, whatsapp(message1+","+message2, status1))
	require.Len(t, events, 3)
	require.Equal(t, []string{"wamid.1", "wamid.2", "wamid.0 read 1652"}, []string{events[0].Key.Value, events[1].Key.Value, events[2].Key.Value})
	require.Equal(t, []string{"106:1650", "106:1651", "106:1652"}, []string{events[0].OrderKey, events[1].OrderKey, events[2].OrderKey})
	require.Equal(t, []string{"meta.messages", "meta.messages", "meta.statuses"}, []string{events[0].Type, events[1].Type, events[2].Type})
	require.Equal(t, whatsapp(message1, ""), string(events[0].Body))
	require.Equal(t, whatsapp(message2, ""), string(events[1].Body))
	require.Equal(t, whatsapp("", status1), string(events[2].Body))
	for _, e := range events {
		require.Len(t, readMeta(t, string(e.Body)), 1, "each part is a request of its own")
	}
}

func TestMetaEntriesAreSplit(t *testing.T) {
	t.Parallel()
	const page = `{"id":"P","messaging":[{"sender":{"id":"U1"},"message":{"mid":"m1"}},{"sender":{"id":"U2"},"delivery":{"mids":["m0"]}},{"sender":{"id":"U2"},"reaction":{"mid":"m2"}}]}`
	const other = `{"id":"F","changes":[{"field":"feed","value":{"from":{"id":"U3"}}}]}`
	events := readMeta(t, `{"object":"page","entry":[`+page+`,`+other+`]}`)
	require.Len(t, events, 4)
	var got []string
	for _, e := range events {
		got = append(got, facts(e))
	}
	require.Equal(t, []string{
		"meta.message | U1 | P:U1 | message U1 m1", "meta.delivery | U2 | P:U2 | ",
		"meta.reaction | U2 | P:U2 | reaction U2 m2", "meta.feed | U3 |  | ",
	}, got)
	require.Equal(t, `{"object":"page","entry":[{"id":"P","messaging":[{"sender":{"id":"U1"},"message":{"mid":"m1"}}]}]}`, string(events[0].Body))
	require.Equal(t, `{"object":"page","entry":[`+other+`]}`, string(events[3].Body))
}

func TestMetaUnknownForms(t *testing.T) {
	t.Parallel()
	for _, document := range []string{`{}`, ``, `{"entry":{}}`, `{"entry":[]}`, `{"entry":[{"id":"1"}]}`, `{"entry":[7]}`} {
		require.Equal(t, []platform.Event{{Type: "meta.event"}}, readMeta(t, document), document)
	}
}
