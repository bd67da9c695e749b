package limit_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-redis/redis_rate/v10"

	"github.com/botgate/botgate/internal/limit"
	"github.com/botgate/botgate/internal/sharedstate"
)

// A user may send two messages at once and then one every half hour, and everybody together
// three: a request takes from both or from none.
func Example() {
	limiter := limit.New(sharedstate.Config{MaxKeys: 1000, Logger: slog.Default()}) // Without a Client, in this process.
	defer func() { _ = limiter.Close() }()
	takes := func(user string) []limit.Take {
		return []limit.Take{
			{Zone: "user", Key: user, ID: limit.IDOf("user", user), Limit: perHour(2), Cost: 1},
			{Zone: "all", ID: limit.IDOf("all", ""), Limit: perHour(3), Cost: 1},
		}
	}
	policy := limit.Policy{Budget: 20 * time.Millisecond, OnError: limit.Local, Share: 1}
	for _, user := range []string{"ada", "ada", "ada", "bob", "bob"} {
		asked := takes(user)
		d, err := limiter.Take(context.Background(), policy, asked, nil)
		switch {
		case err != nil:
			fmt.Println(err)
		case d.Allowed:
			fmt.Println(user, "may send, all have left", d.Results[1].Remaining)
		default:
			refused := d.Refused()
			fmt.Println(user, "is refused by", asked[refused].Zone, "for", d.Results[refused].RetryAfter.Round(time.Minute))
		}
	}
	// Output:
	// ada may send, all have left 2
	// ada may send, all have left 1
	// ada is refused by user for 30m0s
	// bob may send, all have left 0
	// bob is refused by all for 20m0s
}

func perHour(n int) redis_rate.Limit { return redis_rate.Limit{Rate: n, Burst: n, Period: time.Hour} }
