package listening

import (
	"net"
	"net/netip"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const tcpTable = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1 0000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:8844 01 00000000:00000000 00:00000000 00000000     0        0 112 1 0000 100 0 0 10 0
`

const tcp6Table = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when
   0: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 113 1 0
   1: 00000000000000000000000001000000:1F92 00000000000000000000000000000000:0000 0A 0:0 00:0 0     0        0 114 1 0
`

const unixTable = `Num       RefCount Protocol Flags    Type St Inode Path
0000: 00000002 00000000 00010000 0001 01 115 /run/admin.sock
0000: 00000003 00000000 00000000 0001 03 116 /run/connected.sock
0000: 00000002 00000000 00000000 0002 01 117
`

func TestTables(t *testing.T) {
	t.Parallel()
	found, err := parseTCP(strings.NewReader(tcpTable))
	require.NoError(t, err)
	require.Equal(t, []Socket{{Address: netip.MustParseAddrPort("127.0.0.1:8080"), inode: "111"}}, found)
	found, err = parseTCP(strings.NewReader(tcp6Table))
	require.NoError(t, err)
	require.Equal(t, []Socket{
		{Address: netip.MustParseAddrPort("[::]:8081"), inode: "113"},
		{Address: netip.MustParseAddrPort("[::1]:8082"), inode: "114"},
	}, found)
	found, err = parseUnix(strings.NewReader(unixTable))
	require.NoError(t, err)
	require.Equal(t, []Socket{{Path: "/run/admin.sock", inode: "115"}}, found)
	for _, broken := range []string{"0100007:1F90", "0100007F", "010000:1F90", "XX00007F:1F90"} {
		_, err := parseTCP(strings.NewReader(strings.ReplaceAll(tcpTable, "0100007F:1F90 00000000", broken+" 00000000")))
		require.Error(t, err, broken)
	}
}

func TestOverlaps(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"127.0.0.1:80", "127.0.0.1:80", true},
		{"127.0.0.1:80", "127.0.0.1:81", false},
		{"127.0.0.1:80", "10.0.0.8:80", false},
		{"0.0.0.0:80", "10.0.0.8:80", true},
		{"[::]:80", "10.0.0.8:80", true},
		{"[::]:80", "0.0.0.0:80", true},
		{"[::]:80", "[::1]:80", true},
		{"0.0.0.0:80", "[::1]:80", false},
		{"[::ffff:10.0.0.8]:80", "10.0.0.8:80", true},
	} {
		a, b := Socket{Address: netip.MustParseAddrPort(c.a)}, Socket{Address: netip.MustParseAddrPort(c.b)}
		require.Equal(t, c.want, a.Overlaps(b), "%s %s", a, b)
		require.Equal(t, c.want, b.Overlaps(a), "%s %s", b, a)
	}
	path := Socket{Path: "/run/a.sock"}
	require.True(t, path.Overlaps(path))
	require.False(t, path.Overlaps(Socket{Path: "/run/b.sock"}))
	require.False(t, path.Overlaps(Socket{Address: netip.MustParseAddrPort("[::]:80")}))
}

func TestOwnSocketsAreFound(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells")
	}
	path := filepath.Join(t.TempDir(), "s")
	for _, c := range []struct{ network, address string }{{"tcp", "127.0.0.1:0"}, {"tcp", ":0"}, {"unix", path}} {
		listener, err := net.Listen(c.network, c.address)
		require.NoError(t, err)
		wanted := Socket{Path: listener.Addr().String()}
		if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
			wanted = Socket{Address: tcp.AddrPort()}
		}
		own := func() bool {
			all, err := Sockets()
			require.NoError(t, err)
			return slices.ContainsFunc(all, func(s Socket) bool { return s.Own && s.String() == wanted.String() })
		}
		require.True(t, own(), "%s", wanted)
		require.NoError(t, listener.Close())
		require.False(t, own(), "%s", wanted)
	}
}
