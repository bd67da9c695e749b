package outbound_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/botgate/botgate/internal/outbound"
)

func TestScopes(t *testing.T) {
	t.Parallel()
	for want, addresses := range map[outbound.Scope]string{
		outbound.Public: "1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.167.1.1 169.253.1.1 126.255.255.255 " +
			"223.255.255.255 2606:4700::1111 64:ff9b::8.8.8.8 ::ffff:8.8.8.8 2002:808:808:: 2600::",
		outbound.Private: "10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.255.255 198.18.0.1 " +
			"fc00::1 fd00:ec2::254 fec0::1 ::ffff:10.0.0.1 64:ff9b::10.0.0.1 64:ff9b:1::1 2002:a00:1:: ::192.168.0.1",
		outbound.Loopback: "127.0.0.1 127.255.255.254 0.0.0.0 0.1.2.3 ::1 :: ::ffff:127.0.0.1 64:ff9b::127.0.0.1 2002:7f00:1::1 " +
			"::ffff:0.0.0.0 ::127.0.0.1",
		outbound.LinkLocal: "169.254.169.254 169.254.0.1 fe80::1 fe80::1%eth0 ::ffff:169.254.169.254 64:ff9b::a9fe:a9fe 168.63.129.16",
		outbound.Reserved:  "224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 ff02::1 2001::1 100::1",
	} {
		for address := range strings.FieldsSeq(addresses) {
			require.Equal(t, want, outbound.ScopeOf(netip.MustParseAddr(address)), address)
			err := outbound.PublicOnly("bot.example", netip.MustParseAddr(address))
			require.Equal(t, want == outbound.Public, err == nil, address)
		}
	}
	require.Equal(t, outbound.Reserved, outbound.ScopeOf(netip.Addr{}))
}

func TestCheckHost(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]string{
		"bot.example": "", "8.8.8.8": "", "2606:4700::1111": "", "localhost.example": "",
		"localhost": "loopback", "LocalHost.": "loopback", "a.localhost": "loopback", "::ffff:127.0.0.1": "loopback",
		"10.1.2.3": "10.1.2.3 is a private address", "169.254.169.254": "link-local",
	} {
		err := outbound.CheckHost(host)
		if want == "" {
			require.NoError(t, err, host)
			continue
		}
		require.ErrorContains(t, err, want, host)
	}
}

func serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "reached") }))
	t.Cleanup(server.Close)
	return server.URL
}

func get(t *testing.T, transport *http.Transport, address string) (string, error) {
	t.Helper()
	t.Cleanup(transport.CloseIdleConnections)
	resp, err := (&http.Client{Transport: transport}).Get(address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	return string(raw), err
}

// TestGuardJudgesWhatANameResolvesTo: the name says nothing, as with DNS rebinding.
func TestGuardJudgesWhatANameResolvesTo(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(serve(t))
	require.NoError(t, err)
	guarded := new(http.Transport)
	outbound.Guard(guarded, outbound.PublicOnly)
	for _, host := range []string{"localhost", "127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"} {
		_, err := get(t, guarded, "http://"+net.JoinHostPort(host, address.Port()))
		inside := (*outbound.InsideError)(nil)
		require.ErrorAs(t, err, &inside, host)
		require.Equal(t, outbound.Loopback, inside.Scope, host)
	}
	free := new(http.Transport)
	var asked []string
	outbound.Guard(free, func(host string, _ netip.Addr) error { asked = append(asked, host); return nil })
	body, err := get(t, free, "http://localhost:"+address.Port())
	require.NoError(t, err)
	require.Equal(t, "reached", body)
	require.Contains(t, asked, "localhost")
}

// TestGuardLetsProxiesBe, which the operator named: those are often in the same network.
func TestGuardLetsProxiesBe(t *testing.T) {
	t.Parallel()
	proxy, err := url.Parse(serve(t))
	require.NoError(t, err)
	transport := &http.Transport{Proxy: http.ProxyURL(proxy)}
	outbound.Guard(transport, outbound.PublicOnly)
	body, err := get(t, transport, "http://bot.example/")
	require.NoError(t, err)
	require.Equal(t, "reached", body)
}
