// Package listening tells which sockets of this machine are listened on, and by whom. Programs that let
// sockets share an address (SO_REUSEPORT) need it, since the kernel lets every process of the same user
// share it then.
package listening

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"strings"
)

// Socket is one that is listened on, of TCP or of the file system.
type Socket struct {
	// Address is that of TCP; the zero value is another socket's.
	Address netip.AddrPort
	// Path is that of a socket of the file system.
	Path string
	// Own means that it belongs to this process.
	Own bool

	inode string
}

// String is the address, or the path.
func (s Socket) String() string {
	if s.Path != "" {
		return s.Path
	}
	return s.Address.String()
}

// Overlaps reports whether some connection could go to both sockets. A socket for all addresses of IPv6
// counts as one for those of IPv4, too, as Go opens it.
func (s Socket) Overlaps(other Socket) bool {
	if s.Path != "" || other.Path != "" {
		return s.Path == other.Path
	}
	a, b := s.Address.Addr().Unmap(), other.Address.Addr().Unmap()
	return s.Address.Port() == other.Address.Port() && (a == b || covers(a, b) || covers(b, a))
}

func covers(all, one netip.Addr) bool {
	return all.IsUnspecified() && (all.Is6() || one.Is4())
}

// The states of sockets in the tables of Linux.
const (
	tcpListen   = "0A"
	unixListens = 0x10000
)

// parseTCP reads /proc/net/tcp or /proc/net/tcp6.
func parseTCP(table io.Reader) (found []Socket, err error) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 10 || fields[3] != tcpListen {
			continue
		}
		address, err := parseAddress(fields[1])
		if err != nil {
			return nil, err
		}
		found = append(found, Socket{Address: address, inode: fields[9]})
	}
	return found, lines.Err()
}

// parseAddress reads an address in words of the machine's byte order, and a port.
func parseAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: %w", text, err)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("address %q: %w", text, err)
	}
	for word := raw; len(word) >= 4; word = word[4:] {
		binary.BigEndian.PutUint32(word, binary.NativeEndian.Uint32(word))
	}
	ip, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("address %q: %d bytes", text, len(raw))
	}
	return netip.AddrPortFrom(ip, uint16(number)), nil
}

// parseUnix reads /proc/net/unix.
func parseUnix(table io.Reader) (found []Socket, err error) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 8 {
			continue
		}
		if flags, err := strconv.ParseUint(fields[3], 16, 64); err != nil || flags&unixListens == 0 {
			continue
		}
		found = append(found, Socket{Path: fields[7], inode: fields[6]})
	}
	return found, lines.Err()
}
