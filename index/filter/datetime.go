package filter

import (
	"strings"
	"time"
)

// ParseTime reads a moment as microseconds since 1970 in UTC; false when s is
// none. It takes the forms that the contract's engine takes: a date; a date and
// a time of day after T or space, with seconds and a fraction or without; and,
// after seconds, a zone (Z, +01:00, +0100, +01). Without a zone it is UTC. What
// is finer than a microsecond is cut off.
func ParseTime(s string) (int64, bool) {
	c := clock{rest: strings.TrimLeft(s, " \t\n\r")}
	year, month, day, ok := c.date()
	if !ok {
		return 0, false
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if t.Day() != day || int(t.Month()) != month {
		return 0, false // no such day
	}
	if c.rest == "" {
		return t.UnixMicro(), true
	}
	micros, ok := c.timeOfDay()
	return t.UnixMicro() + micros, ok
}

// clock eats a date and time from the left of a text.
type clock struct{ rest string }

// number eats least to most digits.
func (c *clock) number(least, most int) (int, bool) {
	n, i := 0, 0
	for i < most && i < len(c.rest) && c.rest[i] >= '0' && c.rest[i] <= '9' {
		n = n*10 + int(c.rest[i]-'0')
		i++
	}
	c.rest = c.rest[i:]
	return n, i >= least
}

// eat takes one byte out of a set.
func (c *clock) eat(set string) (byte, bool) {
	if c.rest == "" || strings.IndexByte(set, c.rest[0]) < 0 {
		return 0, false
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b, true
}

func (c *clock) date() (year, month, day int, ok bool) {
	sign, signed := c.eat("+-")
	digits := 4
	if signed {
		digits = 6
	}
	year, okYear := c.number(1, digits)
	if sign == '-' {
		year = -year
	}
	_, dash := c.eat("-")
	month, okMonth := c.number(1, 2)
	_, dash2 := c.eat("-")
	day, okDay := c.number(1, 2)
	const farthest = 262142 // years; an int64 of microseconds reaches a little farther
	ok = okYear && dash && okMonth && dash2 && okDay && year <= farthest && year >= -farthest
	return year, month, day, ok
}

// timeOfDay eats the rest: what it adds to midnight, in microseconds.
func (c *clock) timeOfDay() (int64, bool) {
	if _, ok := c.eat("Tt"); !ok && !c.spaces() {
		return 0, false
	}
	hour, okHour := c.number(1, 2)
	_, colon := c.eat(":")
	minute, okMinute := c.number(1, 2)
	if !okHour || !colon || !okMinute || hour > 23 || minute > 59 {
		return 0, false
	}
	micros := int64(hour*3600+minute*60) * 1e6
	if c.rest == "" {
		return micros, true
	}
	_, colon = c.eat(":")
	second, ok := c.number(1, 2)
	fraction, okFraction := c.fraction()
	offset, okZone := c.zone()
	ok = ok && colon && second <= 60 && okFraction && okZone // 60: a leap second
	return micros + int64(second)*1e6 + fraction - offset, ok
}

func (c *clock) spaces() bool {
	before := len(c.rest)
	c.rest = strings.TrimLeft(c.rest, " \t\n\r")
	return len(c.rest) < before
}

// fraction eats .123456 as microseconds.
func (c *clock) fraction() (int64, bool) {
	if _, ok := c.eat("."); !ok {
		return 0, true
	}
	micros, scale, i := int64(0), int64(1e5), 0
	for ; i < len(c.rest) && c.rest[i] >= '0' && c.rest[i] <= '9'; i++ {
		micros += int64(c.rest[i]-'0') * scale
		scale /= 10
	}
	c.rest = c.rest[i:]
	return micros, i > 0
}

// zone eats the zone, if there is one, up to the end: its offset in microseconds.
func (c *clock) zone() (int64, bool) {
	if c.rest == "" {
		return 0, true
	}
	c.spaces()
	for _, utc := range []string{"UTC", "Z", "z"} {
		if rest, ok := strings.CutPrefix(c.rest, utc); ok {
			return 0, strings.TrimSpace(rest) == ""
		}
	}
	sign, ok := c.eat("+-")
	hour, okHour := c.number(2, 2)
	minute, okMinute := 0, true
	if c.rest != "" {
		c.eat(":")
		minute, okMinute = c.number(2, 2)
	}
	offset := int64(hour*3600+minute*60) * 1e6
	if sign == '-' {
		offset = -offset
	}
	ok = ok && okHour && okMinute && hour < 24 && minute < 60 && strings.TrimSpace(c.rest) == ""
	return offset, ok
}

// Holds reports whether a moment lies within the bounds.
func (r *DatetimeRange) Holds(micros int64) bool {
	return within(micros, r.LT, r.GT, r.LTE, r.GTE)
}

// within compares with bounds, of which nil ones are open.
func within[T int64 | uint64](n T, lt, gt, lte, gte *T) bool {
	return (lt == nil || n < *lt) && (gt == nil || n > *gt) && (lte == nil || n <= *lte) && (gte == nil || n >= *gte)
}
