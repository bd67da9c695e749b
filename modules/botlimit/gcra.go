package botlimit

import "math"

// bucket is what the scripts of redis_rate compute with: the generic cell rate
// algorithm, whose state is one number, the theoretical arrival time. All times are in
// seconds.
type bucket struct {
	burst, rate, period, cost float64
}

// answer is what a script returns.
type answer struct {
	allowed, remaining     float64
	retryAfter, resetAfter float64
}

// allowN takes the whole cost or nothing. It returns the new arrival time; a refused
// call leaves it as it is.
func (b bucket) allowN(tat, now float64) (answer, float64) {
	interval := b.period / b.rate
	tat = math.Max(tat, now)
	newTAT := tat + interval*b.cost
	diff := now - (newTAT - interval*b.burst)
	remaining := diff / interval
	if remaining < 0 {
		return answer{retryAfter: -diff, resetAfter: tat - now}, tat
	}
	return answer{allowed: b.cost, remaining: remaining, retryAfter: -1, resetAfter: newTAT - now}, newTAT
}

// allowAtMost takes as much of the cost as there is. Like the script it takes a
// fraction where there is one, and reports the whole part.
func (b bucket) allowAtMost(tat, now float64) (answer, float64) {
	interval := b.period / b.rate
	tat = math.Max(tat, now)
	diff := now - (tat - interval*b.burst)
	remaining := diff / interval
	if remaining < 1 {
		return answer{retryAfter: interval - diff, resetAfter: tat - now}, tat
	}
	cost := math.Min(b.cost, remaining)
	newTAT := tat + interval*cost
	return answer{allowed: cost, remaining: remaining - cost, retryAfter: -1, resetAfter: newTAT - now}, newTAT
}
