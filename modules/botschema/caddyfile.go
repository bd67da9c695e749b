package botschema

import (
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
	options := []option.Option{
		option.Text("folder", &h.Folder),
		option.Func("on_unknown", func(d *caddyfile.Dispenser) error {
			if !d.AllArgs(&h.OnUnknown) || h.OnUnknown != unknownReject && h.OnUnknown != unknownPass {
				return d.Err("on_unknown takes reject or pass")
			}
			return nil
		}),
		option.Func("formats", func(d *caddyfile.Dispenser) error {
			if !d.AllArgs(&h.Formats) || h.Formats != formatsAssert {
				return d.Err("formats takes assert")
			}
			return nil
		}),
		option.Size("max_size", &h.MaxSize, option.MaxSize),
	}
	for _, n := range h.numbers() {
		options = append(options, option.Number(n.name, n.value, n.limit))
	}
	return option.Block(d, "", append(options, option.Flag("report_only", &h.ReportOnly))...)
}

// number is an option that is a number from 1 to its limit.
type number struct {
	name  string
	value *int
	limit int
}

// numbers lists the options that are numbers. What is nested deeper, and numbers that are
// longer, would cost validators more than a body may.
func (h *Handler) numbers() []number {
	return []number{
		{"max_depth", &h.MaxDepth, 1000},
		{"max_members", &h.MaxMembers, 1_000_000},
		{"max_items", &h.MaxItems, 10_000_000},
		{"max_number", &h.MaxNumber, 10_000},
		{"max_errors", &h.MaxErrors, 100},
	}
}
