package config

// Console is whether there is a console, and what may be done there.
type Console string

// The values of BOTGATE_CONSOLE.
const (
	// ConsoleOff serves no pages.
	ConsoleOff Console = "off"
	// ConsoleReadOnly serves pages that change nothing, whoever asks.
	ConsoleReadOnly Console = "read-only"
	// ConsoleOn serves all pages; what somebody may do is in their token.
	ConsoleOn Console = "on"
)

// HasConsole reports whether the process serves the console.
func (c Config) HasConsole() bool {
	return c.Has(API) && (c.Console == ConsoleOn || c.Console == ConsoleReadOnly)
}
