package integration

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/testsvc"
)

// largePush is a push webhook with a body of 2 MB.
func largePush(delivery string) payload {
	noise := make([]byte, 1_000_000)
	rand.Read(noise)
	body := fmt.Appendf(nil, `{"sender":{"id":7},"repository":{"id":9},"noise":"%x"}`, noise)
	return payload{"push", delivery, body, "7"}
}

// queuedForRecord returns a message that waits to be recorded, and puts it back. Dispatch has
// the same message in a queue that only its consumers may read.
func (s *stack) queuedForRecord() amqp.Delivery {
	s.t.Helper()
	conn, err := amqp.Dial(s.queueURL)
	require.NoError(s.t, err)
	defer func() { _ = conn.Close() }()
	channel, err := conn.Channel()
	require.NoError(s.t, err)
	message, found, err := channel.Get("botgate.record", false)
	require.NoError(s.t, err)
	require.True(s.t, found)
	return message
}

// TestLargeBodyTravelsByReference accepts a large webhook before there are backends, looks at
// the message, and removes the bucket and makes it again.
func TestLargeBodyTravelsByReference(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	bucket := testsvc.StartS3(t)
	s.queueURL = testsvc.RabbitMQHost(t)
	s.database = testsvc.Postgres(t)
	s.env = append(s.env, "BOTGATE_QUEUE_URL="+s.queueURL, "BOTGATE_DATABASE_URL="+s.database,
		"BOTGATE_BLOB_URL="+bucket.URL, "BOTGATE_ROLES=none")
	s.startGateway()
	first, second := largePush("large-1"), largePush("large-2")
	sendPayload(t, s, first)
	message := s.queuedForRecord()
	require.Empty(t, message.Body, "only the reference travels")
	require.Regexp(t, fmt.Sprintf(`^sha256:[0-9a-f]{64}\?size=%d$`, len(first.body)), message.Headers["dataref"])

	bucket.Kill()
	a, err := s.github(second.event, second.delivery, second.body)
	require.NoError(t, err)
	requireProblem(t, a, http.StatusServiceUnavailable, "queue-unavailable")
	require.Equal(t, http.StatusAccepted, s.ping("small").status, "small bodies do without the bucket")
	bucket.Restart()
	sendPayload(t, s, second)

	s.env = append(s.env, "BOTGATE_ROLES=record,dispatch,api")
	s.startBackends()
	eventually(t, func() error {
		if got, stored := s.bot.distinct(), len(s.recorded()); got != 3 || stored != 3 {
			return fmt.Errorf("the bot got %d of 3, and %d are recorded", got, stored)
		}
		return nil
	})
	ping := payload{"ping", "small", []byte(`{"zen":"x"}`), ""}
	requireStored(t, s, []payload{first, second, ping})
	requireDelivered(t, s, []payload{first, second, ping})
}

// TestLargeBodySurvivesAKill kills the one process that does everything while a large event
// waits for its bot.
func TestLargeBodySurvivesAKill(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.startEmbedded()
	s.bot.failWith(func(delivered) int { return http.StatusServiceUnavailable })
	p := largePush("large")
	sendPayload(t, s, p)
	s.gateway.kill()
	kept, err := filepath.Glob(filepath.Join(s.dir, "data", "blobs", "??", "*"))
	require.NoError(t, err)
	require.Len(t, kept, 1)
	s.bot.failWith(nil)
	s.startGateway()
	eventually(t, func() error {
		if s.bot.distinct() != 1 || len(s.recorded()) != 1 {
			return fmt.Errorf("not delivered, or not recorded")
		}
		return nil
	})
	requireStored(t, s, []payload{p})
	requireDelivered(t, s, []payload{p})
}
