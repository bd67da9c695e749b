package queue

// As finds what else a queue can do, such as [DeadLetters]: the queue itself, or what it
// stands before, which a decorator tells by a method Unwrap() Queue.
func As[T any](q Queue) (T, bool) {
	for {
		if found, ok := q.(T); ok {
			return found, true
		}
		decorator, ok := q.(interface{ Unwrap() Queue })
		if !ok {
			var none T
			return none, false
		}
		q = decorator.Unwrap()
	}
}
