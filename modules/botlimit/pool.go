package botlimit

import "github.com/caddyserver/caddy/v2"

// maxKeys bounds the memory of the limits in this process to some 50 MB.
const maxKeys = 500_000

// pool keeps what was counted across reloads: while a configuration is replaced, the
// old and the new one hold the same value.
var pool = caddy.NewUsagePool()

const poolKey = "local"

// local is what all handlers of the process share.
type local struct {
	memory *Memory
	health health
}

// Destruct implements [caddy.Destructor].
func (l *local) Destruct() error {
	l.memory.Close()
	degradedState.Set(0)
	return nil
}

func acquireLocal() (*local, error) {
	value, _, err := pool.LoadOrNew(poolKey, func() (caddy.Destructor, error) {
		return &local{memory: NewMemory(maxKeys)}, nil
	})
	if err != nil {
		return nil, err
	}
	return value.(*local), nil
}

func releaseLocal() error {
	_, err := pool.Delete(poolKey)
	return err
}
