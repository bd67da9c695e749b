package integration

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// platformWait is how long platforms wait in these tests.
const platformWait = 800 * time.Millisecond

// startAnswering starts a stack whose platforms wait for the bot.
func startAnswering(t *testing.T, begin func(*stack), wait time.Duration) (*stack, *answering, *lateChannel, platforms) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	s, b, late := newStack(t), newAnswering(t), newLateChannel(t)
	s.env = append(s.env, "BOTGATE_ANSWERS_URL="+late.server.URL)
	data := filepath.Join(s.dir, "data")
	for name, secret := range map[string]string{
		"slack": "signing-secret-of-slack", "discord": hex.EncodeToString(public), "twilio": "auth-token-of-twilio",
		"teams-outgoing": "MDEyMzQ1Njc4OWFiY2RlZg==", "telegram": "secret-token-of-telegram",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(data, name+".secret"), []byte(secret+"\n"), 0o600))
	}
	entry := fmt.Sprintf(`{"url":%q,"allow_private":true,"secret_files":["demo-bot.secret"],"answers":"platform"}`, b.server.URL)
	content := fmt.Sprintf(`{"bots":{"demo":%s,"beside":%[1]s}}`, entry)
	require.NoError(t, os.WriteFile(filepath.Join(data, "bots.json"), []byte(content), 0o600))
	var imports strings.Builder
	for name, option := range map[string]string{
		"slack": "", "discord": "", "twilio": "url https://gate.example", "teams-outgoing": "", "telegram": "",
	} {
		fmt.Fprintf(&imports, "\timport hook %s {\n\t\tbot_signature %s {\n\t\t\tsecret_file {$BOTGATE_DATA:data}/%s.secret\n\t\t\t%s\n\t\t}\n\t}\n", name, name, name, option)
	}
	s.config = s.caddyfileWith(t, "\timport hook github {\n", imports.String()+"\timport hook github {\n",
		"\t\tretention {$BOTGATE_RETENTION:0}\n", "\t\tretention {$BOTGATE_RETENTION:0}\n\t\tanswers_url "+late.server.URL+"\n",
		"\t\t\t\tbot {re.hook.1}\n", fmt.Sprintf("\t\t\t\tbot {re.hook.1}\n\t\t\t\twait %s\n", wait))
	begin(s)
	return s, b, late, platforms{private, "demo"}
}

// whatBecame waits until an event is delivered, and returns what became of the bot's answer; of one that was late, what
// became of its sending.
func (s *stack) whatBecame(id string) (answered string) {
	s.t.Helper()
	operator := bearer(s.tokenWith(jwt.MapClaims{"sub": "operator", "scope": "events:read"}))
	eventually(s.t, func() error {
		a := s.get(operator, "/v1/events/"+id)
		var shown struct {
			Status   string
			Attempts []struct{ Status, Answered string }
		}
		if a.status != http.StatusOK {
			return fmt.Errorf("%d: %s", a.status, a.body)
		}
		a.json(s.t, &shown)
		if shown.Status != "delivered" {
			return fmt.Errorf("event %s is %s", id, shown.Status)
		}
		answered = ""
		for _, a := range shown.Attempts {
			if a.Status == "answered" || a.Answered != "" && answered == "" {
				answered = a.Answered
			}
		}
		if answered == "late" {
			return fmt.Errorf("the answer to event %s is being sent", id)
		}
		return nil
	})
	return answered
}

// outcome is what a platform's user saw.
type outcome struct {
	platform, mark string
	after          time.Duration
	isBots         bool
}

// interact sends interactions to gateways, several at once, and returns what came of them.
func interact(t *testing.T, p platforms, gateways []*stack, rounds int) []outcome {
	t.Helper()
	var (
		mu       sync.Mutex
		outcomes []outcome
		group    errgroup.Group
	)
	group.SetLimit(12)
	number := 0
	for range rounds {
		for _, name := range []string{"discord", "slack", "twilio", "teams-outgoing", "telegram"} {
			for _, part := range []float64{0.5, 0.93, 0.99, 1.01, 3} {
				after := time.Duration(part * float64(platformWait))
				number++
				mark := fmt.Sprintf("n%d-%dms", number, after.Milliseconds())
				gateway := gateways[number%len(gateways)]
				group.Go(func() error {
					a, usual, err := p.ask(gateway, name, mark)
					if err != nil {
						return err
					}
					got := string(a.body)
					isBots := got == answerTo(mark)
					if a.status != http.StatusOK || !isBots && got != usual {
						return fmt.Errorf("%s was answered %d %s", mark, a.status, got)
					}
					if isBots && a.header.Get("Content-Type") != "application/json" {
						return fmt.Errorf("%s was answered as %s", mark, a.header.Get("Content-Type"))
					}
					mu.Lock()
					defer mu.Unlock()
					outcomes = append(outcomes, outcome{name, mark, after, isBots})
					return nil
				})
			}
		}
	}
	require.NoError(t, group.Wait())
	return outcomes
}

// TestPlatformsGetAnswersInTime has a bot answer platforms well before they give up, shortly before and after that, and
// much later. What the log says of an answer is what the user saw: once where it was in time, and where not, once by the
// platforms' late channels, some of which refuse it first.
func TestPlatformsGetAnswersInTime(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(*stack){"Embedded": (*stack).startEmbedded, "Services": (*stack).startServices} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, b, late, p := startAnswering(t, begin, platformWait)
			late.refuse = refuseSome
			gateways := []*stack{s}
			if !s.embedded() {
				gateways = append(gateways, s.secondGateway())
			}
			inTime, unheard, sent := 0, 0, 0
			for _, o := range interact(t, p, gateways, 8) {
				var id string
				eventually(t, func() error {
					if id, _ = b.eventOf(o.mark); id == "" {
						return fmt.Errorf("the bot did not get %s", o.mark)
					}
					return nil
				})
				answered := s.whatBecame(id)
				want := "missed"
				if o.platform == "discord" || o.platform == "slack" {
					want = "sent"
				}
				require.Contains(t, []string{"in_time", want}, answered, o.mark)
				took := late.took(o.mark)
				switch {
				case answered == "in_time":
					require.True(t, o.isBots, "%s: the user did not see what was in time", o.mark)
					require.Zero(t, took, o.mark)
					inTime++
				case o.isBots:
					unheard++ // That it was taken was not heard in time, which a slow machine can do.
				case want == "sent":
					require.Equal(t, 1, took, "%s was to be sent on once", o.mark)
					sent++
				}
				if o.after > 2*platformWait {
					require.False(t, o.isBots, o.mark)
				}
				_, calls := b.eventOf(o.mark)
				require.Equal(t, 1, calls, "%s was delivered once", o.mark)
			}
			require.Positive(t, inTime)
			require.Positive(t, sent)
			t.Logf("%d answers in time, %d of which that was not heard, and %d sent on", inTime, unheard, sent)
		})
	}
}

// TestAnswersSurviveTheEndOfDispatch kills the process that delivers right after answers of the bot: each event is
// delivered, and its answer seen, in the response or later.
func TestAnswersSurviveTheEndOfDispatch(t *testing.T) {
	t.Parallel()
	s, b, late, p := startAnswering(t, (*stack).startServices, 5*time.Second)
	answers := make(chan struct{}, 1000)
	b.onAnswer(func(string) { answers <- struct{}{} })
	seen := make([]bool, 60)
	var asking errgroup.Group
	asking.Go(func() error {
		var group errgroup.Group
		group.SetLimit(6)
		for n := range seen {
			group.Go(func() error {
				mark := fmt.Sprintf("n%d-%dms", n, 20)
				a, usual, err := p.ask(s, "discord", mark)
				seen[n] = string(a.body) == answerTo(mark)
				if err != nil || a.status != http.StatusOK || !seen[n] && string(a.body) != usual {
					return fmt.Errorf("%s was answered %d %s: %w", mark, a.status, a.body, err)
				}
				return nil
			})
		}
		return group.Wait()
	})
	for range 3 {
		for range 5 {
			<-answers
		}
		s.backends[2].kill()
		s.reviveDispatch()
	}
	require.NoError(t, asking.Wait())
	shown := 0
	for n := range seen {
		mark := fmt.Sprintf("n%d-%dms", n, 20)
		eventually(t, func() error {
			if id, _ := b.eventOf(mark); id == "" {
				return fmt.Errorf("the bot did not get %s", mark)
			}
			return nil
		})
		id, _ := b.eventOf(mark)
		if s.whatBecame(id) == "in_time" {
			require.True(t, seen[n], "%s: the user did not see what was in time", mark)
		}
		require.True(t, seen[n] || late.took(mark) > 0, "%s: the user did not see the answer", mark)
		if seen[n] {
			shown++
		}
	}
	require.Positive(t, shown)
}
