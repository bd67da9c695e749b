// Package integration holds tests of the whole path: the real binaries with the shipped
// Caddyfile, on the embedded engines and on real Redis, RabbitMQ and PostgreSQL.
package integration
