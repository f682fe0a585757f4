package feel

import "time"

func testNow() time.Time { return time.Date(2024, 2, 29, 13, 14, 15, 0, time.UTC) }
