package pipeline

import (
	"testing"

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
	j.Resume = false
	if found, err := j.readSearch(teacher); found != nil || err != nil {
		t.Errorf("where nothing is resumed: %+v, %v", found, err)
	}
}
