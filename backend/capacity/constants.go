package capacity

import (
	"bytes"
	_ "embed" // For the constants.
	"encoding/json"
	"fmt"
)

//go:embed constants.json
var measured []byte

// Constants are what benchmarks measured.
type Constants struct {
	// Measured says of which Botgate they are, and on which machine.
	Measured Measured `json:"measured"`
	// Servers are the costs with RabbitMQ, PostgreSQL and Redis, each in a process of its own.
	Servers Servers `json:"servers"`
	// Embedded are those of one process with all roles on files.
	Embedded Embedded `json:"embedded"`
	// Memory is that of a gateway.
	Memory Memory `json:"gateway_memory_bytes"`
}

// Measured says where constants come from.
type Measured struct {
	// Date is the day, as 2006-01-02.
	Date string `json:"date"`
	// Commit is what of Botgate was measured, as git describes it.
	Commit string `json:"commit"`
	// Machine names its processors.
	Machine string `json:"machine"`
	// Cores is how many of them it has.
	Cores int `json:"cores"`
}

// Cost is processor time in microseconds.
type Cost struct {
	// Event is what each takes, however small it is.
	Event float64 `json:"event_us"`
	// Kilobyte is what is added for each 1000 bytes of its body.
	Kilobyte float64 `json:"kilobyte_us"`
}

// of is the cost of so many events, of which some carry a body, in seconds.
func (c Cost) of(events, bodies, size float64) float64 {
	return (events*c.Event + bodies*size/1000*c.Kilobyte) / 1e6
}

// Servers are costs of processes and servers.
type Servers struct {
	// Gateway is the cost of accepting an event, in the gateway's process.
	Gateway Cost `json:"gateway"`
	// RabbitMQ is that of a message in one queue: its publish, its confirm, and its consumer's ack.
	RabbitMQ Cost `json:"rabbitmq"`
	// History is that of a message in the history.
	History Cost `json:"history"`
	// Redis is that of an event.
	Redis Cost `json:"redis"`
	// Dispatch is that of an attempt, in the process of the role.
	Dispatch Cost `json:"dispatch"`
	// Record and PostgreSQL are those of an entry in the log: an event, or what became of an attempt.
	Record     Cost `json:"record"`
	PostgreSQL Cost `json:"postgresql"`
	// API is what a process with the role api takes for each event that it hears of.
	API Cost `json:"api"`
	// Read, ReadGateway and ReadPostgreSQL are those of a request to the API that no cache answers: in the process of the
	// role api, in the gateway's, and in the database.
	Read           Cost `json:"read_api"`
	ReadGateway    Cost `json:"read_gateway"`
	ReadPostgreSQL Cost `json:"read_postgresql"`
	// Rows is what an entry takes in the database, in bytes, and WAL what it writes to its log.
	Rows Bytes `json:"rows"`
	WAL  Bytes `json:"wal"`
}

// Embedded are the costs of one process.
type Embedded struct {
	// Estimated is whether nobody has measured them.
	Estimated bool `json:"estimated,omitempty"`
	// Process is the cost of an event with its first attempt, which are two entries in the log.
	Process Cost `json:"process"`
	// Read is that of a request to the API that no cache answers.
	Read Cost `json:"read"`
	// Rows is what an entry takes in the database's file, in bytes.
	Rows Bytes `json:"rows"`
}

// Bytes is room on a disk.
type Bytes struct {
	// Entry is what each takes in bytes, however small it is.
	Entry float64 `json:"entry"`
	// Body is what is added for each byte of a body.
	Body float64 `json:"body"`
}

func (b Bytes) of(entries, bodies, size float64) float64 { return entries*b.Entry + bodies*size*b.Body }

// Memory is what a gateway's process takes, in bytes.
type Memory struct {
	// Process is that under load, Embedded that of one with all roles, and Connection what each open connection adds.
	Process    float64 `json:"process"`
	Embedded   float64 `json:"embedded"`
	Connection float64 `json:"connection"`
}

// Default returns the constants that come with Botgate.
func Default() (Constants, error) { return Parse(measured) }

// Parse reads constants from JSON. What is missing or unknown is an error.
func Parse(text []byte) (c Constants, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		return Constants{}, fmt.Errorf("constants: %w", err)
	}
	s := c.Servers
	for name, value := range map[string]float64{
		"gateway": s.Gateway.Event, "rabbitmq": s.RabbitMQ.Event, "redis": s.Redis.Event, "dispatch": s.Dispatch.Event,
		"record": s.Record.Event, "postgresql": s.PostgreSQL.Event, "embedded process": c.Embedded.Process.Event,
		"cores": float64(c.Measured.Cores),
	} {
		if value <= 0 {
			return Constants{}, fmt.Errorf("constants: %s must be positive", name)
		}
	}
	return c, nil
}
