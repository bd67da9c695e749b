// Package services are the Redis and the RabbitMQ that all peers use, and what peers leave in them.
package services

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/redis/go-redis/v9"

	"github.com/botgate/botgate/bench/peers/proc"
)

// Services are open connections. They are of this machine, and for the bench alone.
type Services struct {
	// RedisURL and AMQPURL are where they are.
	RedisURL, AMQPURL string
	// RedisPID and RabbitMQPID are their processes.
	RedisPID, RabbitMQPID int
	// Redis has what peers keep there.
	Redis *redis.Client
	// RabbitMQ has the queues.
	RabbitMQ *amqp.Connection
}

// Open connects.
func Open(ctx context.Context, redisURL, amqpURL string) (*Services, error) {
	s := &Services{RedisURL: redisURL, AMQPURL: amqpURL}
	var err error
	if s.RedisPID, err = process(redisURL); err != nil {
		return nil, fmt.Errorf("finding Redis: %w", err)
	}
	if s.RabbitMQPID, err = process(amqpURL); err != nil {
		return nil, fmt.Errorf("finding RabbitMQ: %w", err)
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return nil, fmt.Errorf("address of Redis: %w", err)
	}
	s.Redis = redis.NewClient(options)
	// It would begin in the turn of whichever peer comes next, and count for that.
	if err := s.Redis.ConfigSet(ctx, "auto-aof-rewrite-percentage", "0").Err(); err != nil {
		return nil, fmt.Errorf("keeping Redis from rewriting its file: %w", err)
	}
	if s.RabbitMQ, err = amqp.Dial(amqpURL); err != nil {
		return nil, fmt.Errorf("connecting to RabbitMQ: %w", err)
	}
	return s, nil
}

// Close ends the connections.
func (s *Services) Close() {
	_ = s.Redis.Close()
	_ = s.RabbitMQ.Close()
}

// Versions says which they are.
func (s *Services) Versions(ctx context.Context) string {
	info, _ := s.Redis.InfoMap(ctx, "server").Result()
	return fmt.Sprintf("Redis %s, RabbitMQ %v", info["Server"]["redis_version"], s.RabbitMQ.Properties["version"])
}

func process(address string) (pid int, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return 0, err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return 0, fmt.Errorf("its port: %w", err)
	}
	return proc.Listener(port)
}
