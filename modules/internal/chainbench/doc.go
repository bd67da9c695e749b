// Package chainbench measures what the handlers of the shipped Caddyfile cost the gateway's process by themselves: in
// this process, with limits kept in it and a queue that confirms at once.
package chainbench
