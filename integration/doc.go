// Package integration holds tests of the whole path: the real binaries with the shipped
// Caddyfile, on the embedded engines and on real Redis, RabbitMQ, PostgreSQL and S3.
package integration
