package botcache

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/stretchr/testify/require"
)

const minute = caddy.Duration(time.Minute)

func pass(d time.Duration) { <-time.After(d) }

func TestFreshAnswersAreGivenWithoutTheBot(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.say("one", "Content-Type", "text/plain")
		first := w.requireBody("one", 1, "/a?x=1")
		require.Equal(w, []string{"botgate; fwd=uri-miss"}, first.Header()["Cache-Status"])
		w.say("two")
		pass(20 * time.Second)
		second := w.requireBody("one", 1, "/a?x=1")
		require.Equal(w, []string{"20", "botgate; hit; ttl=40", "text/plain"},
			[]string{second.Header().Get("Age"), second.Header().Get("Cache-Status"), second.Header().Get("Content-Type")})
		head := w.ask(http.MethodHead, "/a?x=1")
		require.Empty(w, head.Body)
		require.Equal(w, "3", head.Header().Get("Content-Length"))
		w.requireBody("two", 2, "/a?x=2")
		w.requireBody("two", 3, "/b?x=1")
		pass(40 * time.Second)
		w.requireBody("two", 4, "/a?x=1")
	})
}

func TestHeadersOfTheGatewayAreOfEachRequest(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.say("one", "X-Bot", "its own", "Connection", "close", "X-Request-Id", "of the first")
		w.get("/", "X-Turn", "first")
		second := w.get("/", "X-Turn", "second")
		require.Equal(w, 1, w.times())
		require.Equal(w, []string{"second", "its own", "", ""}, []string{
			second.Header().Get("X-Gateway"), second.Header().Get("X-Bot"), second.Header().Get("Connection"), second.Header().Get("X-Request-Id"),
		})
	})
}

// TestWhatIsKeptIsNotChanged has handlers around this one write into the headers that they get.
func TestWhatIsKeptIsNotChanged(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.say("one", "X-Bot", "its own")
		w.get("/")
		for range 2 {
			lines := w.get("/").Header()["X-Bot"]
			require.Equal(w, []string{"its own"}, lines)
			lines[0] = "changed"
		}
		require.Equal(w, 1, w.times())
	})
}

// TestHeadRenewsNothing asks by a request whose answer has no body to keep.
func TestHeadRenewsNothing(t *testing.T) {
	with(t, &Handler{TTL: minute, StaleWhileRevalidate: minute}, func(w *world) {
		w.requireBody("one", 1, "/")
		pass(61 * time.Second)
		w.ask(http.MethodHead, "/")
		synctest.Wait()
		require.Equal(w, 1, w.times())
	})
}

// TestAnswersToCredentials are for everybody only where they say so, or the operator does.
func TestAnswersToCredentials(t *testing.T) {
	alice, bob := []string{"Authorization", "Bearer a"}, []string{"Authorization", "Bearer b"}
	for name, tt := range map[string]struct {
		handler *Handler
		says    string
		// times is how often the bot is asked by Alice twice, and then by Bob.
		alice, bob []string
		times      int
	}{
		"says nothing":         {&Handler{TTL: minute}, "", alice, bob, 3},
		"for everybody":        {&Handler{}, "public, max-age=60", alice, bob, 1},
		"for shared caches":    {&Handler{}, "s-maxage=60", alice, bob, 1},
		"only to be asked":     {&Handler{}, "max-age=60, must-revalidate", alice, bob, 3},
		"shared":               {&Handler{TTL: minute, Shared: true}, "", alice, bob, 1},
		"shared, yet private":  {&Handler{TTL: minute, Shared: true}, "private, max-age=60", alice, bob, 3},
		"per caller":           {&Handler{TTL: minute, PerCaller: true}, "", alice, bob, 2},
		"per caller, private":  {&Handler{PerCaller: true}, "private, max-age=60", alice, bob, 2},
		"per caller, no store": {&Handler{TTL: minute, PerCaller: true}, "private, no-store", alice, bob, 3},
		"cookies":              {&Handler{TTL: minute}, "", []string{"Cookie", "a=1"}, []string{"Cookie", "a=2"}, 3},
		"users of cookies":     {&Handler{TTL: minute, PerCaller: true}, "", []string{"Cookie", "a=1"}, []string{"Cookie", "a=2"}, 2},
		"users of a query":     {&Handler{TTL: minute}, "", []string{"user", "alice"}, []string{"user", "bob"}, 3},
		"users, per caller":    {&Handler{TTL: minute, PerCaller: true}, "", []string{"user", "alice"}, []string{"user", "bob"}, 2},
		"nobody, private":      {&Handler{TTL: minute, PerCaller: true}, "private", nil, nil, 3},
		"a header of the key": {
			&Handler{TTL: minute, Key: []string{"{http.request.header.X-Tenant}"}}, "", []string{"X-Tenant", "a"}, []string{"X-Tenant", "b"}, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, tt.handler, func(w *world) {
				w.say("for Alice", "Cache-Control", tt.says)
				w.get("/", tt.alice...)
				w.get("/", tt.alice...)
				w.say("for Bob", "Cache-Control", tt.says)
				got := w.get("/", tt.bob...).Body.String()
				require.Equal(w, tt.times, w.times())
				require.Equal(w, tt.times > 1, got == "for Bob", "Bob got what is %s", got)
			})
		})
	}
}

func TestVary(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.say("hello", "Vary", "accept-language")
		w.requireBody("hello", 1, "/", "Accept-Language", "en")
		w.say("hallo", "Vary", "accept-language")
		w.requireBody("hallo", 2, "/", "Accept-Language", "de")
		w.requireBody("hello", 2, "/", "Accept-Language", "en", "Accept", "text/plain")
		for n := range 2 * maxVariants {
			pass(time.Second)
			w.get("/", "Accept-Language", fmt.Sprint(n))
		}
		w.requireBody("hallo", 3+2*maxVariants, "/", "Accept-Language", "en")
		w.say("never", "Vary", "*")
		w.get("/star")
		w.requireBody("never", 5+2*maxVariants, "/star")
	})
}

// TestRenewal has the bot asked about what it said before, and the client told what it has already.
func TestRenewal(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.say("one", "Etag", `"1"`, "X-Said", "first")
		w.requireBody("one", 1, "/")
		pass(time.Minute)
		w.say("one", "Etag", `"1"`, "X-Said", "again")
		renewed := w.requireBody("one", 2, "/")
		require.Equal(w, `"1"`, w.last().Header.Get("If-None-Match"))
		require.Equal(w, []string{"200", "0", "again"}, []string{fmt.Sprint(renewed.Code), renewed.Header().Get("Age"), renewed.Header().Get("X-Said")})
		pass(30 * time.Second)
		w.requireBody("one", 2, "/")
		require.Equal(w, http.StatusNotModified, w.get("/", "If-None-Match", `"1"`).Code)
		require.Equal(w, http.StatusOK, w.get("/", "If-None-Match", `"0"`).Code)
		pass(30 * time.Second)
		require.Equal(w, http.StatusNotModified, w.get("/", "If-None-Match", `"1"`).Code, "renewed for a client that has it")
		require.Equal(w, 3, w.times())
		pass(time.Minute)
		w.say("two", "Etag", `"2"`)
		w.requireBody("two", 4, "/", "If-None-Match", `"1"`)
		w.requireBody("two", 4, "/")
	})
}

func TestStaleWhileRevalidate(t *testing.T) {
	with(t, &Handler{TTL: minute, StaleWhileRevalidate: minute}, func(w *world) {
		w.requireBody("one", 1, "/", "X-Of", "first")
		pass(61 * time.Second)
		w.say("two")
		w.takes = time.Second
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() {
				rec := w.get("/", "X-Of", "the one who renews")
				if got := rec.Body.String() + " " + rec.Header().Get("Cache-Status"); got != "one botgate; hit; ttl=-1; detail=stale-while-revalidate" {
					w.Error(got)
				}
			})
		}
		clients.Wait()
		pass(2 * time.Second)
		w.requireBody("two", 2, "/")
		require.Equal(w, "the one who renews", w.last().Header.Get("X-Of"))
		pass(3 * time.Minute)
		w.say("three")
		w.requireBody("three", 3, "/")
	})
}

// TestRenewalThatFails leaves what is kept as it is, and is in the log.
func TestRenewalThatFails(t *testing.T) {
	for name, fail := range map[string]func(*bot){
		"status": func(b *bot) { b.fail(http.StatusBadGateway, nil) },
		"error":  func(b *bot) { b.fail(0, errors.New("no route to it")) },
		"panic":  func(b *bot) { b.panics = http.ErrAbortHandler },
	} {
		t.Run(name, func(t *testing.T) {
			with(t, &Handler{TTL: minute, StaleWhileRevalidate: minute}, func(w *world) {
				w.requireBody("one", 1, "/")
				pass(61 * time.Second)
				fail(w.bot)
				require.Equal(w, "one", w.get("/").Body.String())
				synctest.Wait()
				require.Equal(w, "one", w.get("/").Body.String())
				require.Contains(w, w.log.String(), "level=WARN msg=\"bot did not answer; a stale answer was given\"")
			})
		})
	}
}

func TestStaleIfError(t *testing.T) {
	with(t, &Handler{TTL: minute, StaleIfError: minute}, func(w *world) {
		w.say("one", "X-Bot", "well")
		w.requireBody("one", 1, "/")
		pass(61 * time.Second)
		w.fail(http.StatusServiceUnavailable, nil)
		rec := w.requireBody("one", 2, "/")
		require.Equal(w, []string{"200", "well", "botgate; hit; ttl=-1; detail=stale-if-error"},
			[]string{fmt.Sprint(rec.Code), rec.Header().Get("X-Bot"), rec.Header().Get("Cache-Status")})
		w.fail(0, errors.New("no route to it"))
		w.requireBody("one", 3, "/")
		require.Contains(w, w.log.String(), "no route to it")
		w.fail(http.StatusNotFound, nil)
		require.Equal(w, http.StatusNotFound, w.get("/").Code, "that is an answer")
		w.say("one")
		w.get("/other")
		pass(2 * time.Minute)
		w.fail(0, errors.New("no route to it"))
		_, err := w.try(http.MethodGet, "/other")
		require.ErrorContains(w, err, "no route to it")
		w.fail(http.StatusBadGateway, nil)
		require.Equal(w, http.StatusBadGateway, w.get("/other").Code)
		require.Equal(w, http.StatusBadGateway, w.get("/never").Code)
	})
}

// TestOneAsksForAll has those who ask for what is not fresh any more wait for the one who asks the bot.
func TestOneAsksForAll(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.say("one", "Etag", `"1"`)
		w.requireBody("one", 1, "/")
		pass(time.Minute)
		w.takes = 5 * time.Second
		var clients sync.WaitGroup
		for range 20 {
			clients.Go(func() {
				if got := w.get("/").Body.String(); got != "one" {
					w.Error(got)
				}
			})
		}
		clients.Wait()
		require.Equal(w, 2, w.times())
	})
}

// slowClient takes nothing of an answer until it is let.
type slowClient struct {
	*httptest.ResponseRecorder

	let chan struct{}
}

func (c slowClient) Write(p []byte) (int, error) {
	<-c.let
	return c.ResponseRecorder.Write(p)
}

// TestNobodyWaitsForAClient has the one who asks for all take its answer slowly: what is kept, what is not, and what is
// too large for that.
func TestNobodyWaitsForAClient(t *testing.T) {
	for name, says := range map[string][]string{
		"kept": {"two", "Etag", `"2"`}, "not kept": {"two", "Cache-Control", "no-store"}, "too large": {strings.Repeat("x", 101)},
		"cut off": {"two", "Content-Length", "9"},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, &Handler{TTL: minute, MaxBody: 100}, func(w *world) {
				w.say("one", "Etag", `"1"`)
				w.requireBody("one", 1, "/")
				pass(time.Minute)
				w.say(says[0], says[1:]...)
				slow := slowClient{httptest.NewRecorder(), make(chan struct{})}
				var leader sync.WaitGroup
				leader.Go(func() {
					if err := w.serve(slow, slow.ResponseRecorder, http.MethodGet, "/"); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
				began := time.Now()
				require.Equal(w, says[0], w.get("/").Body.String())
				require.Zero(w, time.Since(began), "by the clock of the bubble")
				require.Equal(w, map[bool]int{true: 2, false: 3}[name == "kept"], w.times(), "what is kept is asked for once")
				close(slow.let)
				leader.Wait()
				require.Equal(w, says[0], slow.Body.String())
				require.Len(w, slow.Header()["Cache-Status"], 1)
			})
		})
	}
}

func TestWishesOfClients(t *testing.T) {
	with(t, &Handler{TTL: minute}, func(w *world) {
		w.requireBody("one", 1, "/")
		pass(30 * time.Second)
		w.say("two")
		w.requireBody("one", 1, "/", "Cache-Control", "max-age=30")
		w.requireBody("one", 1, "/", "Cache-Control", "only-if-cached")
		require.Equal(w, http.StatusGatewayTimeout, w.get("/new", "Cache-Control", "only-if-cached").Code)
		w.requireBody("two", 2, "/", "Cache-Control", "no-store")
		w.requireBody("one", 2, "/", "Cache-Control", "max-age=x")
		w.requireBody("two", 3, "/", "Cache-Control", "min-fresh=31")
		w.say("three")
		w.requireBody("three", 4, "/", "Cache-Control", "no-cache")
		w.requireBody("three", 4, "/")
		pass(time.Second)
		w.say("four")
		w.requireBody("four", 5, "/", "Cache-Control", "max-age=0")
	})
}

// TestWhatIsNotKept asks twice, and the bot answers both times.
func TestWhatIsNotKept(t *testing.T) {
	for name, header := range map[string][]string{
		"private": {"Cache-Control", "private"}, "no-store": {"Cache-Control", "max-age=60, no-store"},
		"wrong": {"Cache-Control", "max-age=soon"}, "in part": {"Cache-Control", `no-cache="X-A"`},
		"a cookie": {"Set-Cookie", "a=b", "Cache-Control", "public"}, "cut off": {"Content-Length", "10"},
		"stale": {"Cache-Control", "max-age=0"}, "expired": {"Expires", "0"}, "too large": {"X-Large", "yes"},
		"old": {"Age", "60", "Cache-Control", "max-age=60"},
	} {
		t.Run(name, func(t *testing.T) {
			with(t, &Handler{TTL: minute, MaxBody: 100}, func(w *world) {
				body := "one"
				if name == "too large" {
					body = strings.Repeat("x", 101)
				}
				w.say(body, header...)
				w.requireBody(body, 1, "/")
				w.requireBody(body, 2, "/")
			})
		})
	}
	t.Run("requests", func(t *testing.T) {
		with(t, &Handler{TTL: minute}, func(w *world) {
			w.requireBody("one", 1, "/")
			w.requireBody("one", 2, "/", "Range", "bytes=0-1")
			w.requireBody("one", 3, "/", "Upgrade", "websocket")
			w.ask(http.MethodPost, "/other")
			w.requireBody("one", 4, "/")
			w.ask(http.MethodPost, "/")
			w.requireBody("one", 6, "/")
		})
	})
	t.Run("errors", func(t *testing.T) {
		with(t, &Handler{TTL: minute}, func(w *world) {
			for n, status := range []int{500, 502, 429, 403, 206, 302} {
				w.fail(status, nil)
				w.get(fmt.Sprint("/", status))
				require.Equal(w, status, w.get(fmt.Sprint("/", status)).Code)
				require.Equal(w, 2*(n+1), w.times())
			}
			w.fail(http.StatusNotFound, nil)
			w.get("/none")
			require.Equal(w, http.StatusNotFound, w.get("/none").Code)
			require.Equal(w, 13, w.times())
		})
	})
}

// TestMemoryIsBounded asks for much more than there is room for.
func TestMemoryIsBounded(t *testing.T) {
	with(t, &Handler{TTL: minute, Size: 100_000}, func(w *world) {
		w.say(strings.Repeat("x", 1000))
		for n := range 1000 {
			w.get(fmt.Sprint("/", n))
		}
		w.handler.answers.memory.CleanUp()
		require.LessOrEqual(w, w.handler.answers.bytes(), uint64(100_000))
		require.Positive(w, w.handler.answers.bytes())
	})
}

// TestPurge goes through the admin endpoint.
func TestPurge(t *testing.T) {
	with(t, &Handler{TTL: minute, PerCaller: true}, func(w *world) {
		purge := func(body string) string {
			rec := httptest.NewRecorder()
			if err := servePurge(rec, httptest.NewRequest(http.MethodPost, "/botgate/cache/purge", strings.NewReader(body))); err != nil {
				return err.Error()
			}
			return strings.TrimSpace(rec.Body.String())
		}
		for _, path := range []string{"/purged/a", "/purged/a?x=1", "/purged/b", "/purge"} {
			w.get(path)
			w.get(path, "Authorization", "Bearer a")
		}
		require.Equal(w, `{"purged":4}`, purge(`{"path": "/purged/a"}`))
		require.Equal(w, `{"purged":0}`, purge(`{"path": "/purged/b", "host": "other.example"}`))
		require.Equal(w, `{"purged":2}`, purge(`{"path": "/purged/*", "host": "EXAMPLE.com"}`))
		require.Contains(w, purge(`{"path": "purged"}`), "want")
		require.Contains(w, purge(`{`), "want")
		w.requireBody("one", 8, "/purge")
		w.requireBody("one", 9, "/purged/a")
	})
}
