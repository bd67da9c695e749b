package rabbitmq

// BotQueues lists the queues of the bots that were declared.
func (q *Queue) BotQueues() (names []string) {
	for _, d := range q.topology.ofBots(q.declaredBots()...) {
		names = append(names, d.name)
	}
	return names
}
