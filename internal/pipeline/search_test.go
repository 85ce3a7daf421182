package pipeline

import (
	"testing"

	"github.com/ildc/ildc/distill/loss"
	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
)

// TestSearchIsKept: a resumed run goes on with the student that the search ended at, and another job's
// search is not taken.
func TestSearchIsKept(t *testing.T) {
	j := Job{Checkpoint: t.TempDir(), Resume: true, Choice: Choice{Asked: "latency=0.5x"}}
	teacher := &Model{side: report.Side{SHA256: "abc"}}
	want := models.Found{Cuts: 2, MACs: 1234}
	if found, err := j.readSearch(teacher); found != nil || err != nil {
		t.Errorf("before any search: %+v, %v", found, err)
	}
	if err := j.writeSearch(teacher, search{Shrink: models.Both, Found: want}); err != nil {
		t.Fatal(err)
	}
	found, err := j.readSearch(teacher)
	if err != nil || found == nil || found.Found != want || found.Shrink != models.Both {
		t.Errorf("after it: %+v, %v", found, err)
	}
	if found, err := j.readSearch(&Model{side: report.Side{SHA256: "abd"}}); found != nil || err != nil {
		t.Errorf("for another teacher: %+v, %v", found, err)
	}
	other := j
	other.Choice.Asked = "latency=0.6x"
	if found, err := other.readSearch(teacher); found != nil || err != nil {
		t.Errorf("for another budget: %+v, %v", found, err)
	}
	for name, ask := range map[string]func(*Job){
		"shrink": func(j *Job) { j.Choice.Shrink = models.Width },
		"share":  func(j *Job) { j.Choice.Share = models.Uniform },
		"losses": func(j *Job) { j.Train.Losses = loss.Weights{"kd": 1, "hint": 1} },
	} {
		tried, asked := j, j
		tried.Checkpoint = t.TempDir()
		asked.Checkpoint = tried.Checkpoint
		done := search{Shrink: models.Both, Share: models.ByReconstruction, Outputs: true, Trials: []report.Trial{{}}}
		if err := tried.writeSearch(teacher, done); err != nil {
			t.Fatal(err)
		}
		if found, err := tried.readSearch(teacher); found == nil || err != nil {
			t.Errorf("of trials: %+v, %v", found, err)
		}
		ask(&asked)
		if found, err := asked.readSearch(teacher); found != nil || err != nil {
			t.Errorf("where another %s is asked for: %+v, %v", name, found, err)
		}
	}
	j.Resume = false
	if found, err := j.readSearch(teacher); found != nil || err != nil {
		t.Errorf("where nothing is resumed: %+v, %v", found, err)
	}
}
