package modules_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestTwoRoutesWithAnIssuerEach are told that an "alice" of both would be one user, unless that is meant.
func TestTwoRoutesWithAnIssuerEach(t *testing.T) {
	for option, warned := range map[string]bool{"": true, "user_prefix other:": false, "user_prefix off": false} {
		log := filepath.Join(t.TempDir(), "log")
		key := "\t\tkey HS256 file {$BOTGATE_DATA}/jwt.secret\n"
		require.NoError(t, validate(t, "{\n\tadmin off\n\tlog {\n\t\toutput file "+log+"\n\t}\n\tbotgate {\n\t\tdata {$BOTGATE_DATA}\n\t\tbots demo\n\t}\n}\n"+
			":8080 {\n\thandle /a {\n\t\tbot_jwt {\n"+key+"\t\tissuer own\n\t\t}\n\t\trespond ok\n\t}\n"+
			"\thandle /b {\n\t\tbot_jwt {\n"+key+"\t\tissuer other\n\t\t"+option+"\n\t\t}\n\t\trespond ok\n\t}\n}\n"))
		written, err := os.ReadFile(log)
		require.NoError(t, err)
		if warned {
			require.Contains(t, string(written), "user_prefix", option)
		} else {
			require.NotContains(t, string(written), "user_prefix", option)
		}
	}
}
