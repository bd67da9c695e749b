// A worker that sends e-mail:
//
//	BOT_TOKEN=… SMTP_SERVER=smtp.example:587 MAIL_FROM=shop@example.com go run . [gateway [bot]]
//
// A job is a command like {"command":"/mail","args":{"to":"a@example.com","subject":"Hello","text":"…"}}.
// SMTP_USER and SMTP_PASSWORD are for servers that want them; SMTP_TLS=off is for one on this machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	botgate "github.com/botgate/botgate/sdk/go"
	"github.com/wneessen/go-mail"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sender, err := newSender()
	if err != nil {
		log.Fatal(err)
	}
	config := botgate.ReceiveConfig{
		URL: "http://127.0.0.1:8080", Bot: "mail", Handle: sender.handle, Concurrency: 4,
		Token: func(context.Context) (string, error) { return os.Getenv("BOT_TOKEN"), nil },
	}
	if len(os.Args) > 1 {
		config.URL = os.Args[1]
	}
	if len(os.Args) > 2 {
		config.Bot = os.Args[2]
	}
	fmt.Printf("The worker sends e-mail for %s\n", config.Bot)
	if err := botgate.Receive(ctx, config); err != nil {
		log.Fatal(err)
	}
}

// sender sends e-mail from one address through one server.
type sender struct {
	host    string
	from    string
	options []mail.Option
}

func newSender() (*sender, error) {
	host, port, err := net.SplitHostPort(os.Getenv("SMTP_SERVER"))
	if err != nil {
		return nil, fmt.Errorf("SMTP_SERVER: %w", err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("SMTP_SERVER: %w", err)
	}
	s := &sender{host: host, from: os.Getenv("MAIL_FROM"), options: []mail.Option{mail.WithPort(number), mail.WithTimeout(30 * time.Second)}}
	if os.Getenv("SMTP_TLS") == "off" {
		s.options = append(s.options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if user := os.Getenv("SMTP_USER"); user != "" {
		s.options = append(s.options,
			mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(user), mail.WithPassword(os.Getenv("SMTP_PASSWORD")))
	}
	return s, nil
}

// handle sends one e-mail. An event may come twice: its id is that of the message, so that mail servers and readers can
// tell.
func (s *sender) handle(ctx context.Context, event *botgate.Event) (*botgate.Answer, error) {
	var job struct {
		Args struct{ To, Subject, Text string }
	}
	if err := event.Data(&job); err != nil {
		return nil, &botgate.Refused{Status: 422, Reason: err.Error()}
	}
	message := mail.NewMsg()
	if err := errors.Join(message.From(s.from), message.To(job.Args.To)); err != nil {
		return nil, &botgate.Refused{Status: 422, Reason: err.Error()}
	}
	message.Subject(job.Args.Subject)
	message.SetBodyString(mail.TypeTextPlain, job.Args.Text)
	message.SetMessageIDWithValue(event.ID + "@botgate")
	client, err := mail.NewClient(s.host, s.options...)
	if err != nil {
		return nil, err
	}
	err = client.DialAndSendWithContext(ctx, message)
	failure := (*mail.SendError)(nil)
	switch {
	case errors.As(err, &failure) && failure.ErrorCode() >= 500:
		return nil, &botgate.Refused{Status: 422, Reason: err.Error()} // The server will never take it.
	case err != nil:
		return nil, err // Botgate tries again.
	}
	fmt.Printf("worker: event %s is sent to %s\n", event.ID, job.Args.To)
	answer, err := json.Marshal(map[string]string{"message_id": event.ID + "@botgate"})
	return &botgate.Answer{ContentType: "application/json", Body: answer}, err
}
