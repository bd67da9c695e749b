package integration

import (
	"bufio"
	"fmt"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMailWorker has the example send e-mail through an SMTP server that takes some, refuses some, and is busy at times.
func TestMailWorker(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	server := newSMTP(t)
	binary := filepath.Join(s.dir, "mail-worker")
	output, err := exec.Command("go", "-C", "../sdk/workers/mail", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", output)
	s.writeWorkers(map[string][]string{"mail": nil})
	s.startEmbedded()
	start(t, s.dir, []string{
		"BOT_TOKEN=" + s.poller("mail").Get("Authorization")[len("Bearer "):],
		"SMTP_SERVER=" + server.address, "SMTP_TLS=off", "MAIL_FROM=Shop <shop@example.com>",
	}, binary, s.base, "mail")

	sent := s.job("mail", `{"to":"alice@example.com","subject":"Grüße","text":"Hello\n.\nAlice"}`)
	require.JSONEq(t, fmt.Sprintf(`{"message_id":"%s@botgate"}`, sent), s.awaitAnswer(sent))
	message, err := mail.ReadMessage(strings.NewReader(<-server.mails))
	require.NoError(t, err)
	require.Equal(t, "<"+sent+"@botgate>", message.Header.Get("Message-Id"))
	require.Equal(t, "=?UTF-8?q?Gr=C3=BC=C3=9Fe?=", message.Header.Get("Subject"))
	require.Equal(t, "<alice@example.com>", message.Header.Get("To"))

	s.awaitStatus(s.job("mail", `{"to":"nobody@example.com","subject":"x","text":"x"}`), "dead")
	s.awaitStatus(s.job("mail", `{"to":"not an address","subject":"x","text":"x"}`), "dead")
	s.awaitStatus(s.job("mail", `{"to":"busy@example.com","subject":"x","text":"x"}`), "delivered") // At its second attempt.
	require.Contains(t, <-server.mails, "To: <busy@example.com>")
}

// smtpServer speaks as much of RFC 5321 as a client needs.
type smtpServer struct {
	address string
	mails   chan string
	busy    chan bool // Has something until the server was busy once.
}

func newSMTP(t *testing.T) *smtpServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	s := &smtpServer{listener.Addr().String(), make(chan string, 10), make(chan bool, 1)}
	s.busy <- true
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *smtpServer) serve(conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(conn)
	say := func(text string) { _, _ = fmt.Fprint(conn, text+"\r\n") }
	say("220 mail.example")
	for lines.Scan() {
		verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), ":")
		switch verb = strings.Fields(verb + " ?")[0]; verb {
		case "EHLO", "HELO", "MAIL", "NOOP", "RSET":
			say("250 mail.example")
		case "RCPT":
			say(s.recipient(lines.Text()))
		case "DATA":
			say("354 go on")
			var message strings.Builder
			for lines.Scan() && lines.Text() != "." {
				message.WriteString(strings.TrimPrefix(lines.Text(), ".") + "\r\n")
			}
			s.mails <- message.String()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 not known")
		}
	}
}

func (s *smtpServer) recipient(command string) string {
	switch {
	case strings.Contains(command, "nobody@"):
		return "550 there is no such mailbox"
	case strings.Contains(command, "busy@"):
		select {
		case <-s.busy:
			return "450 the mailbox is busy"
		default:
		}
	}
	return "250 OK"
}

// TestPDFWorker has the example make a file.
func TestPDFWorker(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	s.writeWorkers(map[string][]string{"pdf": nil})
	s.startEmbedded()
	script, err := filepath.Abs("../sdk/workers/pdf/worker.mjs")
	require.NoError(t, err)
	token := s.poller("pdf").Get("Authorization")[len("Bearer "):]
	start(t, s.dir, []string{"BOT_TOKEN=" + token}, "node", script, s.base, "pdf", s.dir)
	made := s.job("pdf", `{"title":"Invoice 7","lines":["1 bot: 5 EUR"]}`)
	answer := s.awaitAnswer(made)
	content, err := os.ReadFile(filepath.Join(s.dir, made+".pdf"))
	require.NoError(t, err)
	require.JSONEq(t, fmt.Sprintf(`{"file":"%s.pdf","bytes":%d}`, made, len(content)), answer)
	require.True(t, strings.HasPrefix(string(content), "%PDF-1.4\n") && strings.Contains(string(content), "(1 bot: 5 EUR) Tj"), "%s", content)
	s.awaitStatus(s.job("pdf", `{}`), "dead")
}
