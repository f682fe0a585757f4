package location

import (
	"path/filepath"
	"testing"

	"github.com/docsaga/docsaga/services/runner"
	"github.com/docsaga/docsaga/services/samples"
)

func TestHostileDocumentsStopHereOnlyIfTheyAreNoPDFs(t *testing.T) {
	dir, conf := root(t)
	for _, k := range samples.Hostile() {
		if k.Large {
			continue
		}
		write(t, filepath.Join(dir, "x.pdf"), string(k.Content()))
		end := samples.Want{State: samples.Completed}
		_, _, err := do(t, conf, Input{Location: "x.pdf"})
		if r, ok := runner.AsRejection(err); ok {
			end = samples.Want{State: samples.Rejected, Step: "location", Reason: r.Code}
		} else if err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		if stops := k.Want.Step == "location"; stops && end != k.Want || !stops && end.State != samples.Completed {
			t.Errorf("%s: %+v, want %+v", k.Name, end, k.Want)
		}
	}
}
