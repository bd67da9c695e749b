package platform

// HeadVerifier is a platform whose proof of who sends a request is in its headers, so that nothing of
// the body of a stranger needs to be read.
type HeadVerifier interface {
	// VerifyHead is [Platform] Verify as far as it goes without the body. When it returns no error, the
	// sender is known, and the function says what the body has against it.
	VerifyHead(req *Request, secrets []Secret) (func(body []byte) error, error)
}

// verifyWhole is Verify of a platform that verifies the head first.
func verifyWhole(p HeadVerifier, req *Request, secrets []Secret) error {
	checkBody, err := p.VerifyHead(req, secrets)
	if err != nil {
		return err
	}
	return checkBody(req.Body)
}

// anyBody has nothing against any body.
func anyBody([]byte) error { return nil }
