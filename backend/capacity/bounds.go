package capacity

// What is built into Botgate and into its servers. Tests compare it with the packages that have it.
const (
	// Concurrency is how many requests to bots a process with the role dispatch has under way.
	Concurrency = 64
	// BotConcurrency is how many of them go to one bot, where there are several.
	BotConcurrency = 16
	// Inline is the largest body, in bytes, that stays in a message where there is a blob store.
	Inline = 256_000
	// Held is how many requests that wait a process with the role api holds open.
	Held = 1000
	// SpoolSize is what a gateway's spool holds unless max_size says otherwise, in bytes.
	SpoolSize = 1e9

	// maxBody is the largest body that any platform may send, in bytes.
	maxBody = 25_000_000
	// maxQueues is how many queues a bot can have.
	maxQueues = 64
	// unconfirmed is what a gateway has published to RabbitMQ and was not confirmed yet at most, in bytes.
	unconfirmed = 16 << 20
	// messageExtra, spoolExtra and fileExtra are what an event takes beside its body in one queue of RabbitMQ, in the
	// spool and in the embedded queue's file, in bytes.
	messageExtra, spoolExtra, fileExtra = 700, 1000, 300
	// poolLeast, poolEach and poolMost say how many connections a process has to a database.
	poolLeast, poolEach, poolMost = 20, 4, 50
)

const (
	// Target is the share of a limit that is planned for.
	Target = 0.6
	// Near is the share of a limit above which the alert CapacityNear fires.
	Near = 0.8
)
