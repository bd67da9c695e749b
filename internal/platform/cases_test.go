package platform_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// reported is a case from a public report, of testdata/cases.
type reported struct {
	ID, Verdict, Kind, Platform, Email, Authority string

	Requests []struct {
		Form, Email string
		Body        json.RawMessage
	}
	Want struct {
		Events          int
		Status          int
		Order, User     []string
		ContactOfSender bool `json:"contact_of_sender"`
	}
}

// TestReported sends what people reported about other software, and finds the right events.
func TestReported(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/cases/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			var c reported
			require.NoError(t, json.Unmarshal(raw, &c))
			c.check(t)
		})
	}
}

func (c reported) check(t *testing.T) {
	t.Helper()
	var ids, users, orders []string
	for n, request := range c.Requests {
		body := bytes.ReplaceAll(request.Body, []byte(`"{{n}}"`), []byte(fmt.Sprint(n+1)))
		s := sent{
			platform: c.Platform, form: request.Form, email: request.Email, at: time.Unix(1_700_000_000, 0),
			body: bytes.ReplaceAll(body, []byte("{{u}}"), []byte("u")),
		}
		delivery, own := readSent(t, s)
		require.NotNil(t, delivery.Reply)
		ids = append(ids, identities(s, delivery, own)...)
		for _, e := range delivery.Events {
			users, orders = append(users, e.User), append(orders, e.OrderKey)
			if c.Want.ContactOfSender {
				requireContact(t, e.User, e.Body)
			}
		}
	}
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(ids))), c.Want.Events)
	if c.Want.User != nil {
		require.Equal(t, c.Want.User, users)
	}
	if c.Want.Order != nil {
		require.Equal(t, c.Want.Order, orders)
	}
}

// requireContact finds the user's contact alone in the event.
func requireContact(t *testing.T, user string, body []byte) {
	t.Helper()
	var b struct {
		Entry []struct {
			Changes []struct {
				Value struct {
					Contacts []struct {
						ID string `json:"wa_id"`
					}
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(body, &b))
	contacts := b.Entry[0].Changes[0].Value.Contacts
	require.Len(t, contacts, 1)
	require.Equal(t, user, contacts[0].ID)
}
