package testsvc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
)

// StartAll starts one server of each kind side by side, except where the environment
// names one already. It returns the environment variables that point tests at them and
// what stops them again. Progress gets a line at each step, perhaps concurrently. The end
// of the context ends the start only.
func StartAll(ctx context.Context, progress func(line string)) (env []string, stop func(), err error) {
	kinds := []*kind{&redisKind, &rabbitKind, &postgresKind, &s3Kind}
	instances := make([]*instance, len(kinds))
	errs := make([]error, len(kinds))
	var group sync.WaitGroup
	for n, k := range kinds {
		if os.Getenv(k.env) != "" {
			progress("using the " + k.name + " of " + k.env)
			continue
		}
		progress("starting " + k.name + "…")
		group.Go(func() {
			if instances[n], errs[n] = launch(ctx, k); errs[n] == nil {
				progress(k.name + " is ready")
			}
		})
	}
	group.Wait()
	for _, i := range instances {
		if i != nil {
			env = append(env, fmt.Sprintf("%s=%s", i.kind.env, i.url))
		}
	}
	stop = func() { closeAll(instances) }
	if err := errors.Join(errs...); err != nil {
		stop()
		return nil, nil, err
	}
	return env, stop, nil
}

func closeAll(instances []*instance) {
	var group sync.WaitGroup
	for _, i := range instances {
		if i != nil {
			group.Go(i.close)
		}
	}
	group.Wait()
}
