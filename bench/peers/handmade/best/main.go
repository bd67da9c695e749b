// Command best is how far one gets by hand with general parts: verified tokens are remembered,
// Redis is asked in pipelines, publishes that come together go out in one write, to a quorum
// queue. The schema library and the confirms are those of everybody.
package main

import (
	"context"
	"log"
	"net"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/rueidis"

	"github.com/botgate/botgate/bench/peers/handmade/handler"
)

const (
	// channels is how many share the connection to RabbitMQ.
	channels = 4
	// dialTimeout bounds a connection's start.
	dialTimeout = 10 * time.Second
)

// take takes one request from a bucket that is kept as the time when it is full again, in microseconds.
const take = `
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = math.max(now, tonumber(redis.call('GET', KEYS[1])) or 0) + interval
if full - now > burst * interval then return 0 end
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return 1`

func main() { log.Fatal(serve()) }

func serve() error {
	settings := handler.ReadSettings()
	allow, err := limiter(settings.Redis)
	if err != nil {
		return err
	}
	publisher, err := handler.NewPublisher(settings, channels, amqp.Config{Dial: dial})
	if err != nil {
		return err
	}
	tokens := &remembered{verify: handler.Verifier(settings.Secret), known: map[string]verified{}}
	return handler.Serve(settings.Listen, handler.Steps{User: tokens.user, Allow: allow, Publish: publisher.Publish})
}

func limiter(url string) (func(context.Context, string) (bool, error), error) {
	options, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.DisableCache = true
	client, err := rueidis.NewClient(options)
	if err != nil {
		return nil, err
	}
	script := rueidis.NewLuaScript(take)
	args := []string{strconv.Itoa(int(time.Second/time.Microsecond) / handler.Rate), strconv.Itoa(handler.Burst)}
	return func(ctx context.Context, user string) (bool, error) {
		taken, err := script.Exec(ctx, client, []string{"peers.best:" + user}, args).AsInt64()
		return taken == 1, err
	}, nil
}

func dial(network, address string) (net.Conn, error) {
	conn, err := amqp.DefaultDial(dialTimeout)(network, address)
	if err != nil {
		return nil, err
	}
	return join(conn), nil
}
