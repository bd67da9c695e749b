package botlog

import (
	"sync"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap/zapcore"

	"github.com/botgate/botgate/modules/internal/redact"
)

// addressKey is what Caddy calls the address of a request, in records and in their requests.
const addressKey = "uri"

// clean is what records are encoded into: it leaves out headers, any of which may have a secret, and what is secret of
// addresses. Caddy's "format filter" would take twice the memory for a line (BenchmarkChain/Logged).
type clean struct {
	zapcore.ObjectEncoder
}

// AddString implements [zapcore.ObjectEncoder].
func (c clean) AddString(key, value string) { c.ObjectEncoder.AddString(key, cleanText(key, value)) }

// AddObject implements [zapcore.ObjectEncoder].
func (c clean) AddObject(key string, value zapcore.ObjectMarshaler) error {
	if isHeader(value) {
		return nil
	}
	return c.ObjectEncoder.AddObject(key, cleanObject{value})
}

// cleanObject is an object that is encoded without secrets.
type cleanObject struct{ zapcore.ObjectMarshaler }

// MarshalLogObject implements [zapcore.ObjectMarshaler].
func (o cleanObject) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	return o.ObjectMarshaler.MarshalLogObject(clean{enc})
}

func cleanText(key, value string) string {
	if key == addressKey {
		return redact.Address(value)
	}
	return value
}

func isHeader(value any) bool {
	_, is := value.(caddyhttp.LoggableHTTPHeader)
	return is
}

// lists are those of the fields of records, to be used again.
var lists = sync.Pool{New: func() any { return new([]zapcore.Field) }}

// cleanFields calls f with the fields without secrets.
func cleanFields(fields []zapcore.Field, f func([]zapcore.Field)) {
	list := lists.Get().(*[]zapcore.Field)
	for _, field := range fields {
		if !isHeader(field.Interface) {
			*list = append(*list, cleanField(field))
		}
	}
	f(*list)
	clear(*list)
	*list = (*list)[:0]
	lists.Put(list)
}

func cleanField(field zapcore.Field) zapcore.Field {
	if field.Type == zapcore.StringType {
		field.String = cleanText(field.Key, field.String)
	}
	if field.Type == zapcore.ObjectMarshalerType || field.Type == zapcore.InlineMarshalerType {
		field.Interface = cleanObject{field.Interface.(zapcore.ObjectMarshaler)}
	}
	return field
}
