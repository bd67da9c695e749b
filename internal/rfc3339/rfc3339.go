// Package rfc3339 reads times in the form of RFC 3339, section 5.6, as its text has it and not as
// [time.Parse] does: in lower case, too, with leap seconds, and with nothing else.
package rfc3339

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"
)

var errForm = errors.New("not a time in the form of RFC 3339")

// dateTime is the grammar: what it takes may still be no time, such as the 30th of February.
var dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:(\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$`)

// leap is the number of a leap second within its minute.
const leap = "60"

// Time is a member of a JSON document. As JSON it is what [time.Time] is, and [Parse] reads it.
type Time struct{ time.Time }

// UnmarshalJSON reads a string; null leaves the time as it is.
func (t *Time) UnmarshalJSON(raw []byte) (err error) {
	var text *string
	if err := json.Unmarshal(raw, &text); err != nil || text == nil {
		return err
	}
	t.Time, err = Parse(*text)
	return err
}

// Parse returns the time. A leap second (section 5.7), which is at the end of a day in UTC only, is
// the first second of the next day.
func Parse(text string) (time.Time, error) {
	parts := dateTime.FindStringSubmatchIndex(text)
	if parts == nil {
		return time.Time{}, errForm
	}
	isLeap := text[parts[2]:parts[3]] == leap
	if isLeap {
		text = text[:parts[2]] + "59" + text[parts[3]:]
	}
	at, err := time.Parse(time.RFC3339, strings.ToUpper(text))
	if err != nil {
		return time.Time{}, errForm
	}
	if !isLeap {
		return at, nil
	}
	if utc := at.UTC(); utc.Hour() != 23 || utc.Minute() != 59 {
		return time.Time{}, errForm
	}
	return at.Add(time.Second), nil
}
