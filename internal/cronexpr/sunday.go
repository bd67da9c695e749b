package cronexpr

import (
	"regexp"
	"strconv"
	"strings"
)

// toSunday is a part of the day of week that ends with 7: the day alone, or days up to it, each or by a step.
var toSunday = regexp.MustCompile(`^(?:([0-7])-)?7(?:/([1-9][0-9]?))?$`)

// withoutSeven is the field of the day of week as the parser takes it: as crontab(5) has it Sunday is 0 or 7, and days may go
// up to it, as in 5-7. What is not understood is left as it is, for the parser to refuse.
func withoutSeven(field string) string {
	parts := strings.Split(field, ",")
	for i, part := range parts {
		if match := toSunday.FindStringSubmatch(part); match != nil {
			parts[i] = days(number(match[1], 7), number(match[2], 1))
		}
	}
	return strings.Join(parts, ",")
}

// days are those from one up to Sunday, each so many days after the one before.
func days(from, step int) string {
	var list []string
	for day := from; day <= 7; day += step {
		list = append(list, strconv.Itoa(day%7))
	}
	return strings.Join(list, ",")
}

func number(digits string, otherwise int) int {
	n, err := strconv.Atoi(digits)
	if err != nil {
		return otherwise
	}
	return n
}
