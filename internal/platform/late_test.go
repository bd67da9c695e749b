package platform_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// lateCase is an answer that came after the platform's request was answered.
type lateCase struct {
	platform, request, contentType, answer string
	ephemeral                              bool
	want                                   platform.LateCall
	err                                    error
}

func lateOf(tc lateCase) (platform.LateCall, error) {
	return platform.LateChannelOf(tc.platform).Call(platform.Late{
		Request: []byte(tc.request), Ephemeral: tc.ephemeral, ContentType: tc.contentType, Body: []byte(tc.answer),
	})
}

func TestLateAnswersToDiscord(t *testing.T) {
	t.Parallel()
	const (
		command   = `{"type":2,"application_id":"12","token":"aW50+/x","id":"1"}`
		component = `{"type":3,"application_id":"12","token":"t","id":"1"}`
		modal     = `{"type":5,"application_id":"12","token":"t","id":"1"}`
		jsonType  = "application/json; charset=utf-8"
	)
	patch := func(token, body string) platform.LateCall {
		return platform.LateCall{
			Method: http.MethodPatch, Host: "discord.com", Path: "/api/v10/webhooks/12/" + token + "/messages/@original", Body: []byte(body),
		}
	}
	for name, tc := range map[string]lateCase{
		"message": {request: command, answer: `{"type":4,"data":{"content":"hi"}}`, want: patch("aW50+%2Fx", `{"content":"hi"}`)},
		"modal":   {request: modal, answer: `{"type":4,"data":{"content":"hi"}}`, want: patch("t", `{"content":"hi"}`)},
		"without a type": {
			request: command, answer: `{"type":4,"data":{}}`, contentType: "-", want: patch("aW50+%2Fx", `{}`),
		},
		"update": {request: component, answer: `{"type":7,"data":{"content":"hi"}}`, want: patch("t", `{"content":"hi"}`)},
		"message to a component": {
			request: component, answer: `{"type":4,"data":{"content":"hi","flags":64}}`,
			want: platform.LateCall{Method: http.MethodPost, Host: "discord.com", Path: "/api/v10/webhooks/12/t", Body: []byte(`{"content":"hi","flags":64}`)},
		},
		"ephemeral":            {request: command, ephemeral: true, answer: `{"type":4,"data":{"flags":68}}`, want: patch("aW50+%2Fx", `{"flags":4}`)},
		"public, ephemeral":    {request: command, answer: `{"type":4,"data":{"flags":64}}`, err: platform.ErrUnfit},
		"choices":              {request: command, answer: `{"type":8,"data":{"choices":[]}}`, err: platform.ErrNoLateChannel},
		"opens a modal":        {request: command, answer: `{"type":9,"data":{}}`, err: platform.ErrNoLateChannel},
		"deferred":             {request: command, answer: `{"type":5}`, err: platform.ErrNoLateChannel},
		"no data":              {request: command, answer: `{"type":4}`, err: platform.ErrUnfit},
		"no JSON":              {request: command, answer: `{"type":4,`, err: platform.ErrUnfit},
		"text":                 {request: command, contentType: "text/plain", answer: "hi", err: platform.ErrUnfit},
		"files":                {request: command, contentType: "multipart/form-data; boundary=x", answer: "--x", err: platform.ErrUnfit},
		"no token":             {request: `{"type":2,"application_id":"12"}`, answer: `{"type":4,"data":{}}`, err: platform.ErrNoLateChannel},
		"path as application":  {request: `{"type":2,"application_id":"../1","token":"t"}`, answer: `{"type":4,"data":{}}`, err: platform.ErrNoLateChannel},
		"path as token":        {request: `{"type":2,"application_id":"1","token":".."}`, answer: `{"type":4,"data":{}}`, err: platform.ErrNoLateChannel},
		"request that is none": {request: `[]`, answer: `{"type":4,"data":{}}`, err: platform.ErrNoLateChannel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.platform = "discord"
			switch tc.contentType {
			case "":
				tc.contentType = jsonType
			case "-":
				tc.contentType = ""
			}
			got, err := lateOf(tc)
			require.Equal(t, tc.err, err)
			require.Equal(t, tc.want, got)
		})
	}
	require.Equal(t, 15*time.Minute, platform.LateChannelOf("discord").Lives)
}

func TestLateAnswersToSlack(t *testing.T) {
	t.Parallel()
	command := url.Values{"command": {"/x"}, "response_url": {"https://hooks.slack.com/commands/T/1/s3cret?a=b"}}.Encode()
	of := func(kind, address string) string {
		return url.Values{"payload": {`{"type":"` + kind + `","response_url":"` + address + `"}`}}.Encode()
	}
	const actions = "https://hooks.slack.com/actions/T/1/s3cret"
	send := func(path, body string) platform.LateCall {
		return platform.LateCall{Method: http.MethodPost, Host: "hooks.slack.com", Path: path, Body: []byte(body)}
	}
	blocks := `{"response_type":"in_channel","blocks":[]}`
	for name, tc := range map[string]lateCase{
		"command":          {request: command, contentType: "application/json", answer: blocks, want: send("/commands/T/1/s3cret?a=b", blocks)},
		"text":             {request: command, contentType: "text/plain; charset=utf-8", answer: `say "hi"`, want: send("/commands/T/1/s3cret?a=b", `{"text":"say \"hi\""}`)},
		"action":           {request: of("block_actions", actions), answer: blocks, want: send("/actions/T/1/s3cret", blocks)},
		"old action":       {request: of("interactive_message", actions), answer: blocks, want: send("/actions/T/1/s3cret", blocks)},
		"message shortcut": {request: of("message_action", actions), answer: blocks, want: send("/actions/T/1/s3cret", blocks)},
		"GovSlack": {
			request: of("block_actions", "https://hooks.slack-gov.com/actions/1"), answer: blocks,
			want: platform.LateCall{Method: http.MethodPost, Host: "hooks.slack-gov.com", Path: "/actions/1", Body: []byte(blocks)},
		},
		"global shortcut":  {request: of("shortcut", ""), answer: blocks, err: platform.ErrNoLateChannel},
		"view":             {request: of("view_submission", actions), answer: `{"response_action":"clear"}`, err: platform.ErrNoLateChannel},
		"dialog":           {request: of("dialog_submission", actions), answer: `{"errors":[]}`, err: platform.ErrNoLateChannel},
		"XML":              {request: command, contentType: "application/xml", answer: "<a/>", err: platform.ErrUnfit},
		"array":            {request: command, contentType: "application/json", answer: "[]", err: platform.ErrUnfit},
		"Latin 1":          {request: command, contentType: "text/plain; charset=iso-8859-1", answer: "caf\xe9", err: platform.ErrUnfit},
		"bytes":            {request: command, contentType: "text/plain", answer: "\xff", err: platform.ErrUnfit},
		"another host":     {request: of("block_actions", "https://hooks.slack.com.evil.example/1"), answer: blocks, err: platform.ErrNoLateChannel},
		"another port":     {request: of("block_actions", "https://hooks.slack.com:22/1"), answer: blocks, err: platform.ErrNoLateChannel},
		"user in front":    {request: of("block_actions", "https://hooks.slack.com@evil.example/1"), answer: blocks, err: platform.ErrNoLateChannel},
		"password":         {request: of("block_actions", "https://a:b@hooks.slack.com/1"), answer: blocks, err: platform.ErrNoLateChannel},
		"not encrypted":    {request: of("block_actions", "http://hooks.slack.com/1"), answer: blocks, err: platform.ErrNoLateChannel},
		"metadata service": {request: of("block_actions", "https://169.254.169.254/1"), answer: blocks, err: platform.ErrNoLateChannel},
		"no address":       {request: "command=%2Fx", answer: blocks, err: platform.ErrNoLateChannel},
		"no form":          {request: "%", answer: blocks, err: platform.ErrNoLateChannel},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.platform = "slack"
			got, err := lateOf(tc)
			require.Equal(t, tc.err, err)
			if err == nil {
				require.Equal(t, tc.want, got)
			}
		})
	}
	require.Equal(t, 30*time.Minute, platform.LateChannelOf("slack").Lives)
	require.Nil(t, platform.LateChannelOf("telegram"))
}
