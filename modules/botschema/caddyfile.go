package botschema

import (
	"strconv"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/botgate/botgate/modules/internal/option"
)

func init() {
	option.Directive[Handler]("bot_schema", httpcaddyfile.After, "request_header")
}

// UnmarshalCaddyfile sets up the handler. Syntax:
//
//	bot_schema [<matcher>] <schema> {
//		folder      <path>
//		on_unknown  reject|pass
//		formats     assert
//		max_size    <size>
//		max_depth   <n>
//		max_members <n>
//		max_items   <n>
//		max_number  <n>
//		max_errors  <n>
//		report_only
//	}
func (h *Handler) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	d.Next()
	if !d.AllArgs(&h.Schema) {
		return d.Err("bot_schema takes one schema, for example command.v1.json")
	}
	for d.NextBlock(0) {
		if err := h.option(d); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) option(d *caddyfile.Dispenser) (err error) {
	switch name := d.Val(); name {
	case "folder":
		if !d.AllArgs(&h.Folder) {
			err = d.ArgErr()
		}
	case "on_unknown":
		if !d.AllArgs(&h.OnUnknown) || h.OnUnknown != unknownReject && h.OnUnknown != unknownPass {
			err = d.Err("on_unknown takes reject or pass")
		}
	case "formats":
		if !d.AllArgs(&h.Formats) || h.Formats != formatsAssert {
			err = d.Err("formats takes assert")
		}
	case "max_size":
		h.MaxSize, err = option.Size(d, option.MaxSize)
	case "report_only":
		if h.ReportOnly = true; d.NextArg() {
			err = d.ArgErr()
		}
	default:
		for _, count := range h.counts() {
			if count.name == name {
				return count.parse(d)
			}
		}
		err = d.Errf("unknown option %q; there are folder, on_unknown, formats, max_size, max_depth, max_members, max_items, max_number, max_errors and report_only", name)
	}
	return err
}

// count is an option that is a number from 1 to its limit.
type count struct {
	name  string
	value *int
	limit int
}

// counts lists the options that are numbers. What is nested deeper, and numbers that are
// longer, would cost validators more than a body may.
func (h *Handler) counts() []count {
	return []count{
		{"max_depth", &h.MaxDepth, 1000},
		{"max_members", &h.MaxMembers, 1_000_000},
		{"max_items", &h.MaxItems, 10_000_000},
		{"max_number", &h.MaxNumber, 10_000},
		{"max_errors", &h.MaxErrors, 100},
	}
}

func (c count) parse(d *caddyfile.Dispenser) error {
	var text string
	if !d.AllArgs(&text) {
		return d.ArgErr()
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > c.limit {
		return d.Errf("%s: %q is not a number from 1 to %d", c.name, text, c.limit)
	}
	*c.value = n
	return nil
}
