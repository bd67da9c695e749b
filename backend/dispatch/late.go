package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/botgate/botgate/internal/event"
	"github.com/botgate/botgate/internal/platform"
	"github.com/botgate/botgate/internal/queue"
)

// passOn has the queue take an answer that came too late for the platform's response, and returns what becomes of it. It
// returns false where the end of Run kept the queue from taking it: the event is to stay there, and its bot asked again.
func (s *session) passOn(delivery *queue.Delivery, said *event.Answer) (answered event.Answered, ended bool) {
	late, answered := lateAnswer(delivery, said, time.Now())
	if late == nil {
		return answered, true
	}
	offer, end := s.outlet.offering(func(ctx context.Context) error {
		return s.cfg.Queue.PublishTo(ctx, queue.Dispatch, late)
	})
	defer end()
	switch err := s.retry(offer); {
	case unpublishable(err):
		s.log.Warn("queue refuses a late answer, so its platform does not get that", delivery.Event.LogAttr(), slog.Any("error", err))
		return event.AnsweredUnfit, true
	default:
		return answered, err == nil
	}
}

// lateAnswer is the event that brings a late answer to its platform; nil where that takes none or not this one.
func lateAnswer(delivery *queue.Delivery, said *event.Answer, now time.Time) (*event.Event, event.Answered) {
	e := delivery.Event
	channel := platform.LateChannelOf(e.VerifiedBy)
	if channel == nil || now.Sub(e.Time) >= channel.Lives {
		return nil, event.AnsweredMissed
	}
	call, err := channel.Call(platform.Late{
		Request: e.Data, Ephemeral: e.Ephemeral, ContentType: said.ContentType, Body: said.Body,
	})
	switch {
	case errors.Is(err, platform.ErrUnfit):
		return nil, event.AnsweredUnfit
	case err != nil:
		return nil, event.AnsweredMissed
	}
	late, err := event.NewLateAnswer(e, event.LateAnswer{
		Attempt: delivery.Attempt, Platform: e.VerifiedBy, Method: call.Method, Host: call.Host, Path: call.Path, Body: call.Body,
		Until: e.Time.Add(channel.Lives),
	})
	if err != nil {
		return nil, event.AnsweredUnfit
	}
	return late, event.AnsweredLate
}
