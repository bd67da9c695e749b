package testsvc

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// s3Module is the S3 server, from the Go module proxy: Debian has none.
const (
	s3Module  = "github.com/versity/versitygw"
	s3Version = "v1.8.0"
)

// s3Bucket is the one bucket of the server, which keeps it as a folder.
const s3Bucket = "botgate-test"

// s3Credentials is the file with the server's secret, made for each instance.
const s3Credentials = "credentials"

var s3Kind = kind{
	name:  "S3",
	env:   "BOTGATE_TEST_S3_URL",
	ports: 1,
	stop:  syscall.SIGTERM,
	crash: syscall.SIGKILL,
	find:  findVersityGW,
	url: func(i *instance) string {
		parameters := url.Values{
			"endpoint":        {fmt.Sprintf("http://127.0.0.1:%d", i.ports[0])},
			"allow_private":   {"true"},
			"credentialsfile": {filepath.Join(i.dir, s3Credentials)},
		}
		return "s3://" + s3Bucket + "?" + parameters.Encode()
	},
	setup: func(i *instance) error {
		if err := os.MkdirAll(filepath.Join(i.dir, "buckets", s3Bucket), 0o700); err != nil {
			return err
		}
		content := fmt.Sprintf("[default]\naws_access_key_id = test\naws_secret_access_key = %s\n", rand.Text())
		return os.WriteFile(filepath.Join(i.dir, s3Credentials), []byte(content), 0o600)
	},
	server: func(i *instance) *exec.Cmd {
		// The shell reads the secret, so that no other process sees it.
		const script = `ROOT_ACCESS_KEY=test ROOT_SECRET_KEY=$(sed -n 's/aws_secret_access_key = //p' "$1") exec "$0" --quiet --port "$2" posix --nometa "$3"`
		return command("sh", "-c", script, i.binary, filepath.Join(i.dir, s3Credentials),
			net.JoinHostPort("127.0.0.1", strconv.Itoa(i.ports[0])), filepath.Join(i.dir, "buckets"))
	},
	ready: func(ctx context.Context, i *instance) error {
		u, err := url.Parse(i.url)
		if err != nil {
			return err
		}
		endpoint, err := url.Parse(u.Query().Get("endpoint"))
		if err != nil {
			return err
		}
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", endpoint.Host)
		if err != nil {
			return err
		}
		return conn.Close()
	},
}

// skipBuild skips what would build a server although short tests are asked for.
func skipBuild(t testing.TB) {
	t.Helper()
	if testing.Short() && os.Getenv(s3Kind.env) == "" {
		t.Skip("-short: no S3 server is built; set " + s3Kind.env + " to use one")
	}
}

// withPrefix names a place in the bucket that nobody else uses.
func withPrefix(bucketURL string) string {
	return strings.Replace(bucketURL, "?", "/"+strings.ToLower(rand.Text())+"?", 1)
}

// findVersityGW returns the server, which is built when it is not there: with a filled build
// cache that takes seconds, else some minutes.
func findVersityGW(string) (string, error) {
	if path, err := exec.LookPath("versitygw"); err == nil {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a place for versitygw: %w", err)
	}
	folder := filepath.Join(cache, "botgate-test")
	binary := filepath.Join(folder, "versitygw-"+s3Version)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", err
	}
	built, err := os.MkdirTemp(folder, "build-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(built)
	build := command("go", "install", s3Module+"/cmd/versitygw@"+s3Version)
	build.Env = append(os.Environ(), "GOBIN="+built, "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building versitygw: %w: %s", err, out)
	}
	return binary, os.Rename(filepath.Join(built, "versitygw"), binary)
}
