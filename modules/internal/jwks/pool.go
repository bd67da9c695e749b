package jwks

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// pool shares sources between handlers, and keeps their keys over reloads.
var pool = caddy.NewUsagePool()

// Acquire returns the source of the configuration, which begins to fetch when it is new.
// Every Acquire needs one Release.
func Acquire(c Config) (*Source, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	value, _, err := pool.LoadOrNew(c.key(), func() (caddy.Destructor, error) { return newSource(c), nil })
	if err != nil {
		return nil, err
	}
	return value.(*Source), nil
}

// Release lets go of the source. The last one to do so stops it; its keys stay.
func (s *Source) Release() error {
	_, err := pool.Delete(s.config.key())
	return err
}

// Destruct implements [caddy.Destructor].
func (s *Source) Destruct() error {
	s.cancel()
	<-s.done
	return nil
}

func (c *Config) check() error {
	set := 0
	for _, address := range []string{c.URL, c.Issuer, c.MetadataURL} {
		if address == "" {
			continue
		}
		set++
		if err := checkAddress(address); err != nil {
			return err
		}
	}
	if set != 1 {
		return errors.New("exactly one address of keys must be set")
	}
	return nil
}

// key is equal for configurations that can share a source.
func (c *Config) key() string {
	return fmt.Sprintf("%q %q %q %s %s %s %s %d", c.URL, c.Issuer, c.MetadataURL, c.Refresh, c.MaxStale, c.Timeout, c.Wait, c.MaxBody)
}
