// Package botlog is the log encoder bot_log: it writes the gateway's logs as the backend writes its own, see package
// logformat, and without secrets.
package botlog

import (
	"cmp"
	"fmt"
	"os"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/modules/logging"
	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"github.com/botgate/botgate/internal/logformat"
)

func init() {
	caddy.RegisterModule(&Encoder{})
}

// service is what the records call this program.
const service = "botgate"

// Encoder writes records for people to read, or as JSON with the fields that the backend's have, too. Caddy writes down
// each request before any handler sees it: of that, headers are left out, and secrets in addresses, as the filter
// bot_secrets does. Caddyfile, in a log, and after "wrap" in "format filter":
//
//	format bot_log [text|json]
type Encoder struct {
	zapcore.Encoder `json:"-"`

	// Style is "text" or "json". Default: text.
	Style string `json:"style,omitempty"`
}

// CaddyModule returns the Caddy module information.
func (*Encoder) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "caddy.logging.encoders.bot_log", New: func() caddy.Module { return new(Encoder) }}
}

// UnmarshalCaddyfile sets up the encoder; see [Encoder].
func (e *Encoder) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if d.NextArg() {
		e.Style = d.Val()
	}
	if d.NextArg() || d.NextBlock(d.Nesting()) {
		return d.ArgErr()
	}
	return nil
}

// Provision sets up the encoder. The error names what is no format.
func (e *Encoder) Provision(caddy.Context) error {
	switch e.Style {
	case "", logformat.Text:
		text := logging.LogEncoderConfig{TimeFormat: "wall_milli", LevelFormat: "upper"}
		if term.IsTerminal(int(os.Stderr.Fd())) {
			text.LevelFormat = "color"
		}
		e.Encoder = zapcore.NewConsoleEncoder(text.ZapcoreEncoderConfig())
	case logformat.JSON:
		e.Encoder = zapcore.NewJSONEncoder(schema().ZapcoreEncoderConfig())
		for _, a := range logformat.Origin(service) {
			e.AddString(a.Key, a.Value.String())
		}
	default:
		return fmt.Errorf("bot_log: %q is not a format: must be text or json (BOTGATE_LOG_FORMAT in the shipped Caddyfile)", e.Style)
	}
	return nil
}

// Clone implements [zapcore.Encoder].
func (e *Encoder) Clone() zapcore.Encoder { return &Encoder{Encoder: e.Encoder.Clone()} }

// AddString implements [zapcore.ObjectEncoder].
func (e *Encoder) AddString(key, value string) { clean{e.Encoder}.AddString(key, value) }

// AddObject implements [zapcore.ObjectEncoder].
func (e *Encoder) AddObject(key string, value zapcore.ObjectMarshaler) error {
	return clean{e.Encoder}.AddObject(key, value)
}

// EncodeEntry implements [zapcore.Encoder]. Each record has a logger, also those of no module.
func (e *Encoder) EncodeEntry(entry zapcore.Entry, fields []zapcore.Field) (line *buffer.Buffer, err error) {
	entry.LoggerName = cmp.Or(entry.LoggerName, "caddy")
	cleanFields(fields, func(fields []zapcore.Field) { line, err = e.Encoder.EncodeEntry(entry, fields) })
	return line, err
}

// schema is how Caddy is told the schema. Its other defaults are those of the schema: levels in lower case, and
// durations in seconds.
func schema() *logging.LogEncoderConfig {
	ts, level, logger, msg := logformat.Time, logformat.Level, logformat.Logger, logformat.Message
	return &logging.LogEncoderConfig{TimeKey: &ts, LevelKey: &level, NameKey: &logger, MessageKey: &msg, TimeFormat: logformat.TimeLayout}
}

// Interface guards.
var (
	_ caddy.Provisioner     = (*Encoder)(nil)
	_ caddyfile.Unmarshaler = (*Encoder)(nil)
	_ zapcore.Encoder       = (*Encoder)(nil)
)
