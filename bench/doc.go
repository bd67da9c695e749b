// Package bench measures whole paths with real services: `make bench` runs it. What is
// compared runs in the same process, one after the other, so that ratios hold on other
// machines.
package bench
