// Command plain is what a Go developer writes in a day: net/http, golang-jwt, redis_rate,
// jsonschema, and amqp091-go with confirms. All ratios are to it.
package main

import (
	"context"
	"log"
	"time"

	"github.com/go-redis/redis_rate/v10"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/bench/peers/handmade/handler"
)

const (
	// channels is how many share the connection to RabbitMQ.
	channels = 8
	// pool is how many connections to Redis there are at most: one for each request under way.
	pool = 64
)

func main() { log.Fatal(serve()) }

func serve() error {
	settings := handler.ReadSettings()
	options, err := redis.ParseURL(settings.Redis)
	if err != nil {
		return err
	}
	options.PoolSize = pool
	limiter := redis_rate.NewLimiter(redis.NewClient(options))
	limit := redis_rate.Limit{Rate: handler.Rate, Burst: handler.Burst, Period: time.Second}
	publisher, err := handler.NewPublisher(settings, channels, amqp.Config{})
	if err != nil {
		return err
	}
	verify := handler.Verifier(settings.Secret)
	return handler.Serve(settings.Listen, handler.Steps{
		User: func(token string) (string, error) {
			user, _, err := verify(token)
			return user, err
		},
		Allow: func(ctx context.Context, user string) (bool, error) {
			left, err := limiter.Allow(ctx, user, limit)
			return err == nil && left.Allowed > 0, err
		},
		Publish: publisher.Publish,
	})
}
