package jsondoc

// The limits of a document where none are configured.
const (
	defaultMaxDepth   = 64
	defaultMaxMembers = 1000
	defaultMaxItems   = 10_000
	defaultMaxNumber  = 64
)

// maxExponent is the largest exponent of a number, in either direction. Validators compute
// with exact fractions, for which 1e999999 is a number of a million digits.
const maxExponent = 400

// Limits caps what a JSON document may hold. They are enforced while the document is
// decoded, so that one that exceeds them costs little.
type Limits struct {
	// MaxDepth is how deep objects and arrays may be nested. Default: 64.
	MaxDepth int
	// MaxMembers is how many members one object may have. Default: 1000.
	MaxMembers int
	// MaxItems is how many items one array may have. Default: 10000.
	MaxItems int
	// MaxNumber is how long a number may be, in characters. Default: 64.
	MaxNumber int
}

// orDefaults replaces the limits that are not set.
func (l Limits) orDefaults() Limits {
	for _, limit := range []struct {
		value    *int
		fallback int
	}{
		{&l.MaxDepth, defaultMaxDepth},
		{&l.MaxMembers, defaultMaxMembers},
		{&l.MaxItems, defaultMaxItems},
		{&l.MaxNumber, defaultMaxNumber},
	} {
		if *limit.value == 0 {
			*limit.value = limit.fallback
		}
	}
	return l
}

// Allow reports whether a document with these extremes keeps to the limits.
func (l Limits) Allow(extremes Limits) bool {
	l = l.orDefaults()
	return extremes.MaxDepth <= l.MaxDepth && extremes.MaxMembers <= l.MaxMembers &&
		extremes.MaxItems <= l.MaxItems && extremes.MaxNumber <= l.MaxNumber
}
