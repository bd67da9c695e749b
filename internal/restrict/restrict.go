// Package restrict checks the values of options that restrict: keys, secrets, issuers, audiences, lists
// of addresses. Where such a value comes out empty, or as a placeholder that nothing replaced, the option
// would restrict nothing, or to what everybody can read in the configuration.
package restrict

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LeastSecret is the least size of a secret that somebody chooses, in bytes: as long as a key of 128 bits.
const LeastSecret = 16

var (
	errEmpty = errors.New("it is empty (is the environment variable set that it comes from?)")
	errBlank = errors.New("there is nothing but white space in it")
	// errSecretLeft does not repeat what may be a secret after all.
	errSecretLeft = errors.New("it is a placeholder that nothing replaced, such as {…} or $…: " +
		"the secret itself belongs there")
	errAddressLeft = errors.New("a placeholder in it, such as {…} or $…, was not replaced (a $ itself is %24)")
)

// left finds a placeholder that nothing replaced, in the notations of Caddy ({name}, {$NAME}), of shells
// and Compose ($NAME, ${NAME}, ${NAME:-default}), of templates ({{ name }}), and, where it is all of the
// value, of Windows (%NAME%) and of documentation (<name>).
var left = regexp.MustCompile(marked + `|\{[A-Za-z_%?][^{}\s"]*\}|\$[A-Za-z_]\w*|` + whole)

// secretLeft is as left for secrets, which may have any of this in them by chance, but are not all of it.
var secretLeft = regexp.MustCompile(`^(?:` + marked + `|\{[A-Za-z_][^{}\s"]*\}|\$[A-Za-z_]\w*)$|` + whole)

// The notations that both look for: marked ones are placeholders wherever they stand.
const (
	marked = `\$\{[^{}]*\}|\{\$[^{}]*\}|\{\{[^{}]*\}\}`
	whole  = `^%[A-Za-z_]\w*%$|^<[^<>]*>$`
)

// Text reports a value that restricts nothing: one that is empty or white space, or has a placeholder in
// it. The error says what is wrong and has to be put behind the name of the option.
func Text(value string) error {
	if err := something(value); err != nil {
		return err
	}
	if found := left.FindString(value); found != "" {
		return fmt.Errorf("the placeholder %s was not replaced: write the value itself, "+
			"or {$NAME} in a Caddyfile for that of an environment variable", found)
	}
	return nil
}

// password finds that of an address.
var password = regexp.MustCompile(`^[a-z0-9+]+://[^/?#@:]*:([^/?#]*)@`)

// Address is [Text] for an address or a path. A password in it is checked as [Secret] does, where there is
// one, and the error repeats nothing of the address.
func Address(value string) error {
	if err := something(value); err != nil {
		return err
	}
	rest := value
	if at := password.FindStringSubmatchIndex(value); at != nil {
		if secretLeft.MatchString(value[at[2]:at[3]]) {
			return errAddressLeft
		}
		rest = value[:at[2]] + value[at[3]:]
	}
	if left.MatchString(rest) {
		return errAddressLeft
	}
	return nil
}

// Texts is [Text] for each value of a list, which may be empty.
func Texts(values []string) error {
	for _, value := range values {
		if err := Text(value); err != nil {
			return err
		}
	}
	return nil
}

// Secret reports what is not a secret, but empty, white space, or a placeholder. The error does not
// repeat it. Bytes that are no text are a secret.
func Secret(raw []byte) error {
	if !utf8.Valid(raw) {
		return nil
	}
	text := string(raw)
	if err := something(text); err != nil {
		return err
	}
	if secretLeft.MatchString(strings.TrimSpace(text)) {
		return errSecretLeft
	}
	return nil
}

// Size reports a secret of fewer bytes than least.
func Size(bytes, least int) error {
	if bytes < least {
		return fmt.Errorf("the secret has %d bytes, and at least %d are needed", bytes, least)
	}
	return nil
}

// something reports a text in which nothing can be seen.
func something(text string) error {
	switch {
	case text == "":
		return errEmpty
	case strings.IndexFunc(text, visible) < 0:
		return errBlank
	}
	return nil
}

// visible tells letters and signs from white space, and from what has no width.
func visible(r rune) bool {
	return unicode.IsGraphic(r) && !unicode.IsSpace(r) && r != '\u3164' && r != '\u2800'
}
