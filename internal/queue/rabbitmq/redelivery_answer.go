package rabbitmq

import (
	"context"
	"encoding/json"

	amqp "github.com/rabbitmq/amqp091-go"
)

// answer says which of the ids of a question this consumer has. Who asks and gets no answer asks again
// some day, so an error changes nothing.
func (c *consumer) answer(ctx context.Context, sub *subscription, m *amqp.Delivery) {
	var ids []string
	if json.Unmarshal(m.Body, &ids) == nil {
		body, _ := json.Marshal(c.having(sub, ids)) // Strings always can be.
		_ = c.queue.publish(ctx, []message{{
			destination: toQueue(m.ReplyTo), Publishing: amqp.Publishing{CorrelationId: m.CorrelationId, Body: body}, optional: true,
		}})
	}
	_ = sub.settle(m.DeliveryTag)
}

// having returns those of the ids that wait or are in flight here, or were settled a moment ago: what
// became of those may not be in the log yet.
func (c *consumer) having(sub *subscription, ids []string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	having := []string{}
	for _, id := range ids {
		_, held := sub.ids[id]
		if held || c.inflight[id] != nil || c.done != nil && c.done.has(id) {
			having = append(having, id)
		}
	}
	return having
}
