package botgate

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// secret is a key of 24 bytes.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func load(t *testing.T, path string, into any) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func headerOf(headers map[string]string) http.Header {
	h := http.Header{}
	for name, value := range headers {
		h.Set(name, value)
	}
	return h
}

func TestVerify(t *testing.T) {
	var deliveries []struct {
		Name    string
		Secrets []string
		Now     int64
		Headers map[string]string
		Body    []byte `json:"body_base64"`
		Refused int
		Event   struct {
			ID, Key, Type, Source, Subject string
			Time                           time.Time
			Replay                         int
		}
		Data any
	}
	load(t, "../testdata/deliveries.json", &deliveries)
	for _, d := range deliveries {
		t.Run(d.Name, func(t *testing.T) {
			event, err := Verify(d.Body, headerOf(d.Headers), d.Secrets, time.Unix(d.Now, 0))
			if d.Refused != 0 {
				if refused := (*Refused)(nil); !errors.As(err, &refused) || refused.Status != d.Refused {
					t.Fatalf("%+v, %v", event, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := &Event{
				Key: d.Event.Key, ID: d.Event.ID, Type: d.Event.Type, Source: d.Event.Source, Subject: d.Event.Subject,
				Time: d.Event.Time, Replay: d.Event.Replay, ContentType: d.Headers["Content-Type"], Body: d.Body,
			}
			if !reflect.DeepEqual(event, want) {
				t.Fatalf("%+v", event)
			}
			requireData(t, event, d.Data)
		})
	}
}

func requireData(t *testing.T, event *Event, want any) {
	t.Helper()
	var (
		got  any
		form url.Values
		err  error
	)
	switch {
	case want == nil:
		return
	case strings.Contains(event.ContentType, "form"):
		err = event.Data(&form)
		raw, _ := json.Marshal(form)
		err = errors.Join(err, json.Unmarshal(raw, &got))
	default:
		err = event.Data(&got)
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("%v, %v", got, err)
	}
}

func TestVectorsOfStandardWebhooks(t *testing.T) {
	var vectors []struct {
		ID, Platform, Scheme, Body string
		Secret                     any // An object for other platforms.
		Now                        int64
		Headers                    map[string]string
		Valid                      bool `json:"expect_valid"`
	}
	load(t, "../../internal/platform/testdata/signature_vectors.json", &vectors)
	tried := 0
	for _, v := range vectors {
		if v.Platform != "standard-webhooks" || v.Scheme != "v1" || v.Headers["svix-id"] != "" {
			continue
		}
		tried++
		// They are no events of Botgate, which have a time.
		header := headerOf(v.Headers)
		header.Set("Ce-Time", "2026-11-20T10:02:39Z")
		if _, err := Verify([]byte(v.Body), header, []string{fmt.Sprint(v.Secret)}, time.Unix(v.Now, 0)); (err == nil) != v.Valid {
			t.Errorf("%s: %v", v.ID, err)
		}
	}
	if tried < 5 {
		t.Fatal(tried)
	}
}

func TestWithoutASecretThatIsOneNothingStarts(t *testing.T) {
	for _, secrets := range [][]string{nil, {""}, {"whsec_"}, {"c2hvcnQ="}, {secret, "not base64: " + strings.Repeat(",", 30)}} {
		if _, err := NewHandler(Config{Secrets: secrets, Handle: func(context.Context, *Event) (*Answer, error) { return nil, nil }}); err == nil {
			t.Errorf("%q", secrets)
		}
		if _, err := Verify(nil, http.Header{}, secrets, time.Now()); err == nil || errors.As(err, new(*Refused)) {
			t.Errorf("%q: %v", secrets, err)
		}
	}
	if _, err := NewHandler(Config{Secrets: []string{secret}}); err == nil {
		t.Error("there is nothing to do")
	}
}

// send signs what Botgate would send now, sends it, and returns the status.
func send(t *testing.T, h http.Handler, key, body, sent string) int {
	t.Helper()
	return deliver(t, h, key, body, sent).Code
}

func deliver(t *testing.T, h http.Handler, key, body, sent string) *httptest.ResponseRecorder {
	t.Helper()
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte(key + "." + timestamp + "." + body))
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(sent))
	r.Header = headerOf(map[string]string{
		"Ce-Time": "2026-11-20T10:02:39Z", "Webhook-Id": key, "Webhook-Timestamp": timestamp,
		"Webhook-Signature": "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), "Botgate-Reply-By": "2026-11-20T10:02:41.605Z",
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestWhatHandleReturnsIsTheAnswer(t *testing.T) {
	h, err := NewHandler(Config{Secrets: []string{secret}, Handle: func(_ context.Context, event *Event) (*Answer, error) {
		return &Answer{ContentType: "text/plain", Body: []byte(event.ReplyBy.String())}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := deliver(t, h, "a", "", "")
	if said := w.Header().Get("Content-Type") + " " + w.Body.String(); w.Code != http.StatusOK || said != "text/plain 2026-11-20 10:02:41.605 +0000 UTC" {
		t.Error(w.Code, said)
	}
	if status := send(t, h, "a", "", ""); status != http.StatusNoContent {
		t.Error(status) // It was handled.
	}
}

func TestHandler(t *testing.T) {
	var (
		handled []string
		fail    error
	)
	h, err := NewHandler(Config{
		Secrets: []string{secret}, MaxBody: 100,
		Handle: func(_ context.Context, event *Event) (*Answer, error) {
			handled = append(handled, event.Key)
			return nil, fail
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		key, body, sent string
		fail            error
		status          int
	}{
		{key: "a", status: 204},
		{key: "a", status: 204},    // Again: not handled.
		{key: "a.r1", status: 204}, // A replay is.
		{key: "b", fail: errors.New("a bug"), status: 500},
		{key: "b", fail: &Refused{410, "never"}, status: 410}, // It was not handled before.
		{key: "b", status: 204},
		{key: "c", sent: "forged", status: 401},
		{key: "d", body: strings.Repeat("x", 101), sent: strings.Repeat("x", 101), status: 413},
	} {
		fail = step.fail
		if status := send(t, h, step.key, step.body, step.sent); status != step.status {
			t.Errorf("step %d: %d", i, status)
		}
	}
	if want := []string{"a", "a.r1", "b", "b", "b"}; !slices.Equal(handled, want) {
		t.Errorf("handled %q", handled)
	}
}

func TestAnEventThatIsWorkedOnIsNotBegunAgain(t *testing.T) {
	began, finish, first := make(chan bool), make(chan bool), make(chan int)
	h, err := NewHandler(Config{Secrets: []string{secret}, Handle: func(context.Context, *Event) (*Answer, error) {
		began <- true
		<-finish
		return nil, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	go func() { first <- send(t, h, "a", "", "") }()
	<-began
	if status := send(t, h, "a", "", ""); status != http.StatusConflict {
		t.Error(status)
	}
	close(finish)
	if status := <-first; status != http.StatusNoContent {
		t.Error(status)
	}
}

func TestRecentForgetsTheOldest(t *testing.T) {
	seen := &recent{keys: map[string]bool{}}
	for i := range len(seen.ring) + 1 {
		if err := seen.Add(t.Context(), strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	var has [3]bool
	for i, key := range []string{"0", "1", strconv.Itoa(len(seen.ring))} {
		has[i], _ = seen.Has(t.Context(), key)
	}
	if has != [3]bool{false, true, true} || len(seen.keys) != len(seen.ring) {
		t.Error(has, len(seen.keys))
	}
}
