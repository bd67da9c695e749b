package jwks

import (
	"errors"

	"github.com/botgate/botgate/modules/internal/pooled"
)

var pool = pooled.New[Config, *source]()

// acquire returns the source of the configuration, which begins to fetch when it is new.
// Every acquire needs one release.
func acquire(c Config) (*source, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	return pool.Acquire(c.key(), func() (*source, error) { return newSource(c), nil })
}

// release releases the source. The last one to do so stops it; its keys stay.
func (s *source) release() error { return pool.Release(s.config.key()) }

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
func (c Config) key() Config {
	c.Logger = nil
	return c
}
