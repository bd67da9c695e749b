package schemacheck

import (
	"math/big"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/botgate/botgate/modules/internal/jsondoc"
)

// number holds the keywords for numbers.
type number struct {
	least, most, above, below, step *bound
}

// bound is a number of a schema.
type bound struct {
	exact *big.Rat
	// integer is the number where it is an integer of 64 bits, as whole says.
	integer int64
	whole   bool
	// float is the number where that is exactly a float, as rounded says it is not.
	float   float64
	rounded bool
}

func boundOf(r *big.Rat) *bound {
	if r == nil {
		return nil
	}
	b := &bound{exact: r, whole: r.IsInt() && r.Num().IsInt64()}
	if b.whole {
		b.integer = r.Num().Int64()
	}
	var exactly bool
	b.float, exactly = r.Float64()
	b.rounded = !exactly
	return b
}

func numberOf(s *jsonschema.Schema) *number {
	n := number{
		least: boundOf(s.Minimum), most: boundOf(s.Maximum), above: boundOf(s.ExclusiveMinimum),
		below: boundOf(s.ExclusiveMaximum), step: boundOf(s.MultipleOf),
	}
	if n == (number{}) {
		return nil
	}
	return &n
}

func (n *number) valid(v jsondoc.Value) bool {
	return (n.least == nil || compare(v, n.least) >= 0) && (n.most == nil || compare(v, n.most) <= 0) &&
		(n.above == nil || compare(v, n.above) > 0) && (n.below == nil || compare(v, n.below) < 0) &&
		(n.step == nil || multiple(v, n.step))
}

// compare compares a number with a bound, exactly. Only those that may be equal to the bound, and those that
// are too large for a float, cost more than a float does.
func compare(v jsondoc.Value, b *bound) int {
	if i, ok := integer(v); ok && b.whole {
		return sign(i, b.integer)
	}
	// Rounding keeps the order, so where the rounded one differs from the bound, the exact one does alike.
	if f, err := strconv.ParseFloat(string(v.Raw()), 64); err == nil && !b.rounded && f != b.float {
		return sign(f, b.float)
	}
	return exact(v).Cmp(b.exact)
}

func sign[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// integer returns a number that is written as an integer, where it is one of 64 bits.
func integer(v jsondoc.Value) (int64, bool) {
	if !v.Plain() {
		return 0, false
	}
	i, err := strconv.ParseInt(string(v.Raw()), 10, 64)
	return i, err == nil
}

func multiple(v jsondoc.Value, step *bound) bool {
	if i, ok := integer(v); ok && step.whole {
		return i%step.integer == 0
	}
	return new(big.Rat).Quo(exact(v), step.exact).IsInt()
}
