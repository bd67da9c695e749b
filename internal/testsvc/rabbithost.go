package testsvc

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

// rabbitHosts is a broker of this process, which is told to make virtual hosts: the server of an environment variable
// takes no orders. It has no variable.
var rabbitHosts = shared{kind: func() *kind {
	k := rabbitKind
	k.env = ""
	return &k
}()}

// rabbitHostCount numbers the virtual hosts.
var rabbitHostCount atomic.Int64

// RabbitMQHost returns the amqp:// URL of a fresh virtual host, which takes a second; a broker, as [StartRabbitMQ]
// starts it, takes ten, and the processor time of seven of these. All of them are on one broker, which ends with the
// tests of this process.
func RabbitMQHost(t testing.TB) string {
	t.Helper()
	url := rabbitHosts.url(t)
	name := fmt.Sprintf("test%d", rabbitHostCount.Add(1))
	// One call for what add_vhost and set_permissions do: each starts an Erlang of its own.
	expression := strings.ReplaceAll(`ok = rabbit_vhost:add(<<"NAME">>, <<"tests">>),
		ok = rabbit_auth_backend_internal:set_permissions(<<"guest">>, <<"NAME">>, <<".*">>, <<".*">>, <<".*">>, <<"tests">>).`,
		"NAME", name)
	if _, err := rabbitmqTool(rabbitHosts.instance, "rabbitmqctl", "eval", expression); err != nil {
		t.Fatal(err)
	}
	return url + name
}
