package config

import (
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/botgate/botgate/internal/address"
	"github.com/botgate/botgate/internal/duration"
)

// value reads and shows a field of [Config] as text. Every type below is that of a field, so
// that a pointer to the field becomes a value by a conversion.
type value interface {
	set(text string) error
	// String has no secret in it.
	String() string
}

type text string

func (t *text) set(v string) error { *t = text(v); return nil }
func (t *text) String() string     { return string(*t) }

// url is an address, which may hold a password.
type url string

func (u *url) set(v string) error { *u = url(v); return nil }
func (u *url) String() string     { return address.Redact(string(*u)) }

type number int

func (n *number) set(v string) error {
	read, err := strconv.Atoi(v)
	if err != nil {
		return fmt.Errorf("%q is not a number", v)
	}
	*n = number(read)
	return nil
}

func (n *number) String() string { return strconv.Itoa(int(*n)) }

type period time.Duration

func (d *period) set(v string) error {
	read, err := duration.Parse(v)
	if err != nil {
		return fmt.Errorf("%q is not a duration like 30s or 90d", v)
	}
	*d = period(read)
	return nil
}

func (d *period) String() string { return time.Duration(*d).String() }

// size is a number of bytes, written as Caddy does: 64MB, 64MiB.
type size int64

func (s *size) set(v string) error {
	n, err := humanize.ParseBytes(v)
	if err != nil || n > 1<<50 {
		return fmt.Errorf("%q is not a size like 64MB", v)
	}
	*s = size(n)
	return nil
}

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }

type onOff bool

func (o *onOff) set(v string) error {
	if v != "on" && v != "off" {
		return fmt.Errorf("%q is not on or off", v)
	}
	*o = v == "on"
	return nil
}

func (o *onOff) String() string { return strconv.FormatBool(bool(*o)) }

type level slog.Level

func (l *level) set(v string) error {
	if err := (*slog.Level)(l).UnmarshalText([]byte(v)); err != nil {
		return fmt.Errorf("%q is not debug, info, warn or error", v)
	}
	return nil
}

func (l *level) String() string { return slog.Level(*l).String() }
