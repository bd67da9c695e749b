package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/platform"
)

// sdkHooks take what the bots are to get besides commands: forms, and any bytes.
const sdkHooks = `	import hook slack {
		bot_signature slack {
			secret_file {$BOTGATE_DATA:data}/slack.secret
		}
	}
	import hook hmac {
		bot_signature hmac {
			secret_file {$BOTGATE_DATA:data}/hmac.secret
			header      X-Acme-Signature
		}
	}
`

// TestSDKs delivers every kind of body to the example of each SDK, which prints what has a good signature.
func TestSDKs(t *testing.T) {
	t.Parallel()
	s := newStack(t)
	bots := map[string]*process{}
	for name, command := range s.sdkPrograms("example") {
		bots[name] = start(t, s.dir, []string{"PORT=0", "BOT_SECRET=" + s.secret("demo-bot.secret")}, command[0], command[1:]...)
	}
	s.writeSDKBots(bots)
	for _, name := range []string{"slack", "hmac"} {
		require.NoError(t, os.WriteFile(filepath.Join(s.dir, "data", name+".secret"), []byte("a-secret-of-the-sender\n"), 0o600))
	}
	s.config = s.caddyfileWith(t, "\timport hook github {\n", sdkHooks+"\timport hook github {\n")
	s.startGateway()

	form := "command=%2Fhello&text=a+b&team_id=T&channel_id=C&user_id=U&trigger_id=1"
	raw := "\xff\xfe\x00\x80\r\n\xc3("
	for name := range bots {
		a, err := s.commandOf(name, s.token("alice & böb"), "", hello)
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, a.status, "%s", a.body)
		s.sendSigned(name, "slack", "application/x-www-form-urlencoded", form, nil)
		s.sendSigned(name, "hmac", "application/octet-stream", raw, map[string]string{"header": "X-Acme-Signature"})
	}
	for name, bot := range bots {
		for _, line := range []string{
			fmt.Sprintf("bot: command from alice & böb (%d bytes), event ", len(hello)),
			fmt.Sprintf("bot: slack.command from U (%d bytes), event ", len(form)),
			fmt.Sprintf("bot: hmac.event from  (%d bytes), event ", len(raw)),
		} {
			eventually(t, func() error {
				if !strings.Contains(bot.output.String(), line) {
					return fmt.Errorf("%s did not print %q", name, line)
				}
				return nil
			})
		}
	}
}

// sdkPrograms are the commands that run a program that comes with each SDK.
func (s *stack) sdkPrograms(program string) map[string][]string {
	s.t.Helper()
	_, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") != "true" {
		s.t.Skip("python3 is not there: make test-deps installs it")
	}
	require.NoError(s.t, err)
	binary := filepath.Join(s.dir, "go-"+program)
	build := exec.Command("go", "-C", "../sdk/go", "build", "-o", binary, "./"+program)
	output, err := build.CombinedOutput()
	require.NoError(s.t, err, "%s", output)
	sdk, err := filepath.Abs("../sdk")
	require.NoError(s.t, err)
	return map[string][]string{
		"node":   {"node", filepath.Join(sdk, "js", program+".mjs")},
		"python": {"python3", "-B", filepath.Join(sdk, "python", program+".py")},
		"go":     {binary},
	}
}

var listensOn = regexp.MustCompile(`The bot listens on (\S+)\n`)

// writeSDKBots writes a bots file with the addresses that the bots say they have.
func (s *stack) writeSDKBots(bots map[string]*process) {
	s.t.Helper()
	file := map[string]any{}
	for name, bot := range bots {
		eventually(s.t, func() error {
			found := listensOn.FindStringSubmatch(bot.output.String())
			if found == nil {
				return fmt.Errorf("%s listens nowhere: %s", name, bot.output.String())
			}
			file[name] = map[string]any{"url": "http://" + found[1] + "/events", "allow_private": true, "secret_files": []string{"demo-bot.secret"}}
			return nil
		})
	}
	raw, err := json.Marshal(map[string]any{"bots": file})
	require.NoError(s.t, err)
	require.NoError(s.t, os.WriteFile(filepath.Join(s.dir, "data", "bots.json"), raw, 0o600))
}

// sendSigned sends a body to a hook of a bot, signed as the platform would.
func (s *stack) sendSigned(bot, name, contentType, body string, settings map[string]string) {
	s.t.Helper()
	sender, err := platform.New(name, settings)
	require.NoError(s.t, err)
	secret, err := sender.ParseSecret([]byte(s.secret(name + ".secret")))
	require.NoError(s.t, err)
	header := sender.(platform.Signer).Sign(secret, &platform.Request{Body: []byte(body), Now: time.Now()}, "")
	header.Set("Content-Type", contentType)
	a, err := send(http.MethodPost, s.base+"/hooks/"+bot+"/"+name, header, []byte(body))
	require.NoError(s.t, err)
	require.Less(s.t, a.status, 300, "%s", a.body)
}
