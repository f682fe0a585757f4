package feel

import (
	"testing"
	"time"
)

func TestTemporalLiteralsKeepWhatTheySay(t *testing.T) {
	for _, text := range []string{
		"2020-02-29", "-0044-03-15", "999999999-12-31", "-999999999-01-01",
		"10:20:30", "10:20:30.123456789", "10:20:30Z", "10:20:30+02:00", "10:20:30-11:30:15", "10:20:30@Europe/Paris",
		"2020-02-29T10:20:30", "2020-02-29T10:20:30.5Z", "2020-02-29T10:20:30@America/New_York",
		"PT0S", "P1D", "-P1DT2H", "PT1H30M", "PT0.5S", "-PT0.5S", "P0M", "P1Y2M", "-P1Y",
	} {
		if got := eval(t, `@"`+text+`"`, "").String(); got != `@"`+text+`"` {
			t.Errorf(`@"%s" is %s`, text, got)
		}
	}
}

func TestTemporalTextThatIsNoneIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "2021-02-29", "2020-13-01", "2020-00-01", "2020-1-1", "02020-01-01", "1000000000-01-01", "20-01-01",
		"24:00:00", "10:60:00", "10:00:60", "10:00", "10:00:00.", "10:00:00+15:00", "10:00:00@Nowhere/Land", "10:00:00@Local",
		"2020-01-01T", "2020-01-01T10:00", "2020-01-01Z",
		"P", "PT", "P1", "P1DT", "P1Y1D", "PT1.S", "P-1D", "1D", "P1H", "P99999999999999999999D", "P1.5D",
	} {
		if _, err := Parse(`@"` + text + `"`); err == nil {
			t.Errorf(`@"%s" was accepted`, text)
		}
	}
}

func TestDurationsAreNormalised(t *testing.T) {
	cases{
		{`@"P26M"`, `@"P2Y2M"`},
		{`@"PT36H"`, `@"P1DT12H"`},
		{`@"PT3600S"`, `@"PT1H"`},
		{`@"P1Y2M".years`, `1`},
		{`@"-P1Y2M".months`, `-2`},
		{`@"P1Y".days`, `null`},
		{`@"P1DT2H3M4.5S".seconds`, `4.5`},
		{`@"P1DT2H3M4S".days + @"P1DT2H3M4S".hours + @"P1DT2H3M4S".minutes`, `6`},
		{`@"-P1DT2H".hours`, `-2`},
		{`@"P1D".years`, `null`},
	}.run(t, "")
}

func TestPropertiesOfTable65(t *testing.T) {
	cases{
		{`date and time("2012-03-07T01:02:03.5Z").year`, `2012`},
		{`@"2012-03-07".month`, `3`},
		{`@"2012-03-07".day`, `7`},
		{`@"2012-03-07".weekday`, `3`},
		{`@"1969-12-28".weekday`, `7`},
		{`@"0001-01-01".weekday`, `1`},
		{`@"2012-03-07T01:02:03.5Z".hour`, `1`},
		{`@"2012-03-07T01:02:03.5Z".minute`, `2`},
		{`@"2012-03-07T01:02:03.5Z".second`, `3.5`},
		{`@"01:02:03+02:30".time offset`, `@"PT2H30M"`},
		{`@"2020-07-01T00:00:00@Europe/Paris".time offset`, `@"PT2H"`},
		{`@"2020-01-01T00:00:00@Europe/Paris".time offset`, `@"PT1H"`},
		{`@"2020-07-01T00:00:00@Europe/Paris".timezone`, `"Europe/Paris"`},
		{`@"01:02:03".time offset`, `null`},
		{`@"01:02:03Z".timezone`, `null`},
		{`@"01:02:03".year`, `null`},
		{`@"2020-01-01".hour`, `null`},
	}.run(t, "")
}

func TestTemporalArithmeticOfTables57To59(t *testing.T) {
	cases{
		{`@"2020-01-31" + @"P1M"`, `@"2020-02-29"`},
		{`@"2020-02-29" + @"P1Y"`, `@"2021-02-28"`},
		{`@"P1M" + @"2020-01-31"`, `@"2020-02-29"`},
		{`@"2020-03-31" - @"P1M"`, `@"2020-02-29"`},
		{`@"2020-01-01" - @"P13M"`, `@"2018-12-01"`},
		{`@"2020-01-01" + @"P1D"`, `@"2020-01-02"`},
		{`@"2020-01-01" - @"PT1H"`, `@"2019-12-31"`},
		{`@"2020-01-01" - @"2019-01-01"`, `@"P365D"`},
		{`@"2021-01-01" - @"1600-01-01"`, `@"P153768D"`},
		{`@"2020-01-01T10:00:00Z" - @"2020-01-01"`, `@"PT10H"`},
		{`@"2020-01-01T10:00:00" - @"2020-01-01"`, `null`},
		{`@"2020-01-01T00:30:00" - @"PT1H"`, `@"2019-12-31T23:30:00"`},
		{`@"2020-01-31T10:00:00Z" + @"P1M"`, `@"2020-02-29T10:00:00Z"`},
		{`@"2020-01-01T10:00:00+01:00" - @"2020-01-01T10:00:00Z"`, `@"-PT1H"`},
		{`@"2020-03-29T01:30:00@Europe/Paris" + @"PT1H"`, `@"2020-03-29T03:30:00@Europe/Paris"`},
		{`@"2020-03-28T12:00:00@Europe/Paris" + @"P1D"`, `@"2020-03-29T13:00:00@Europe/Paris"`},
		{`@"23:30:00" + @"PT1H"`, `@"00:30:00"`},
		{`@"00:30:00" - @"P1DT1H"`, `@"23:30:00"`},
		{`@"10:00:00" - @"08:30:00"`, `@"PT1H30M"`},
		{`@"10:00:00Z" - @"10:00:00+02:00"`, `@"PT2H"`},
		{`@"10:00:00Z" - @"10:00:00"`, `null`},
		{`@"P1D" + @"PT12H"`, `@"P1DT12H"`},
		{`@"P1Y" - @"P1M"`, `@"P11M"`},
		{`@"P1Y" + @"P1D"`, `null`},
		{`@"P1D" * 1.5`, `@"P1DT12H"`},
		{`2 * @"P1Y1M"`, `@"P2Y2M"`},
		{`@"P1Y" * 0.3`, `@"P3M"`},
		{`@"P1D" / 3`, `@"PT8H"`},
		{`@"PT1S" / 3`, `@"PT0.333333333S"`},
		{`@"P1Y" / 5`, `@"P2M"`},
		{`@"P1D" / @"PT6H"`, `4`},
		{`@"P1Y" / @"P1M"`, `12`},
		{`@"P1D" / 0`, `null`},
		{`@"P1D" / @"PT0S"`, `null`},
		{`@"P1D" ** 2`, `null`},
		{`-@"P1D"`, `@"-P1D"`},
		{`-@"P1Y"`, `@"-P1Y"`},
		{`@"999999999-12-31" + @"P1D"`, `null`},
		{`@"2020-01-01" + 1`, `null`},
		{`@"2020-01-01" + @"2020-01-01"`, `null`},
	}.run(t, "")
}

func TestTemporalComparisonKnowsZones(t *testing.T) {
	cases{
		{`@"2020-01-01" < @"2020-01-02"`, `true`},
		{`@"2020-01-01T10:00:00+01:00" = @"2020-01-01T09:00:00Z"`, `true`},
		{`@"2020-01-01T10:00:00" = @"2020-01-01T10:00:00Z"`, `false`},
		{`@"2020-01-01T10:00:00" < @"2020-01-01T11:00:00+05:00"`, `true`},
		{`@"10:00:00@Europe/Paris" = @"10:00:00"`, `false`},
		{`@"10:00:00@Europe/Paris" = @"10:00:00@Asia/Dhaka"`, `false`},
		{`@"10:00:00" < @"11:00:00Z"`, `true`},
		{`@"P1D" = @"PT24H"`, `true`},
		{`@"P1Y" = @"P12M"`, `true`},
		{`@"P1Y" = @"P365D"`, `null`},
		{`@"2020-01-01" = @"2020-01-01T00:00:00"`, `null`},
		{`@"2020-01-01" in [@"2019-01-01"..@"2021-01-01"]`, `true`},
	}.run(t, "")
}

func TestTemporalConstructors(t *testing.T) {
	cases{
		{`date(2021, 2, 29)`, `null`},
		{`date(@"2020-01-01T23:00:00Z")`, `@"2020-01-01"`},
		{`date("x")`, `null`},
		{`time(10, 20, 30.5)`, `@"10:20:30.5"`},
		{`time(10, 20, 30, null)`, `@"10:20:30"`},
		{`time(10, 20, 30, @"-PT5H")`, `@"10:20:30-05:00"`},
		{`time(24, 0, 0)`, `null`},
		{`time(10, 0, 0, @"PT20H")`, `null`},
		{`time(@"2020-01-01")`, `@"00:00:00Z"`},
		{`date and time("2020-01-01")`, `@"2020-01-01T00:00:00"`},
		{`date and time(@"2020-01-01T01:00:00", @"10:00:00Z")`, `@"2020-01-01T10:00:00Z"`},
		{`date and time(@"2020-01-01T01:00:00Z", "Europe/Paris")`, `@"2020-01-01T02:00:00@Europe/Paris"`},
		{`date and time(@"2020-07-01T01:00:00Z", "+05:00")`, `@"2020-07-01T06:00:00+05:00"`},
		{`date and time(@"2020-01-01T01:00:00", "Z")`, `@"2020-01-01T01:00:00Z"`},
		{`date and time(@"2020-01-01T01:00:00Z", "Moon")`, `null`},
		{`date and time(2020, 1, 2, 3, 4, 5)`, `@"2020-01-02T03:04:05"`},
		{`date and time(2020, 1, 2, 3, 4, 5, "Europe/Paris")`, `@"2020-01-02T03:04:05@Europe/Paris"`},
		{`years and months duration(@"2013-08-24", @"2011-12-22")`, `@"-P1Y8M"`},
		{`years and months duration(@"2020-01-31", @"2020-02-29")`, `@"P0M"`},
		{`years and months duration(@"2020-01-01T10:00:00", @"2021-01-01T09:00:00")`, `@"P11M"`},
	}.run(t, "")
}

func TestDayNumbersGoBothWays(t *testing.T) {
	for _, d := range []Date{{1970, 1, 1}, {2000, 2, 29}, {1900, 3, 1}, {-1, 12, 31}, {0, 1, 1}, {maxYear, 12, 31}, {-maxYear, 1, 1}} {
		if got := dateOfDay(d.dayNumber()); got != d {
			t.Errorf("%v became %v", d, got)
		}
	}
	for n := int64(-800_000); n < 800_000; n += 97 {
		d := dateOfDay(n)
		want := time.Unix(n*86400, 0).UTC()
		if d.Year != want.Year() || d.Month != int(want.Month()) || d.Day != want.Day() || d.dayNumber() != n {
			t.Fatalf("day %d is %v, want %v", n, d, want)
		}
		if _, week := want.ISOWeek(); d.week() != int64(week) || d.weekday()%7 != int64(want.Weekday()) {
			t.Fatalf("%v: week %d, weekday %d", d, d.week(), d.weekday())
		}
	}
}

func TestGoTimesConvertBothWays(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{
		time.Date(2020, 7, 1, 10, 20, 30, 500, time.UTC),
		time.Date(2020, 7, 1, 10, 20, 30, 0, paris),
		time.Date(2020, 7, 1, 10, 20, 30, 0, time.FixedZone("", -3*3600)),
	} {
		d := Instant(at)
		if got, ok := d.Time(); !ok || !got.Equal(at) {
			t.Errorf("%v became %v and then %v", at, d, got)
		}
	}
	if d, ok := DurationOf(-90 * time.Minute).Duration(); !ok || d != -90*time.Minute {
		t.Errorf("got %v, %v", d, ok)
	}
	if got := DurationOf(-90 * time.Minute).String(); got != `@"-PT1H30M"` {
		t.Errorf("got %s", got)
	}
	if _, ok := seconds(1<<50, 0).Duration(); ok {
		t.Error("a duration of 35 million years became a time.Duration")
	}
}
