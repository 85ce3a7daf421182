package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ildc/ildc/internal/report"
	"github.com/ildc/ildc/models"
)

// searchFile keeps, beside a checkpoint, which student a search ended at: by latency, measured once more, it might end
// at another one; and trials take their time.
const searchFile = "student.json"

// search is a search for a student that was done.
type search struct {
	Teacher string         `json:"teacher"` // SHA-256
	Budget  string         `json:"budget"`
	Shrink  models.Shrink  `json:"shrink,omitempty"`
	Share   models.Share   `json:"share,omitempty"`
	Outputs bool           `json:"outputs,omitempty"` // the student is trained on outputs alone
	Trials  []report.Trial `json:"trials,omitempty"`
	models.Found
}

// readSearch is what an earlier run of the same job ended at, where this one is to go on from its checkpoint; else nil.
func (j Job) readSearch(teacher *Model) (*search, error) {
	if !j.Resume || j.Checkpoint == "" {
		return nil, nil
	}
	data, err := os.ReadFile(filepath.Join(j.Checkpoint, searchFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var done search
	if err == nil {
		err = json.Unmarshal(data, &done)
	}
	if err != nil {
		return nil, fmt.Errorf("ildc: checkpoint: %w", err)
	}
	if done.Teacher != teacher.side.SHA256 || done.Budget != j.Choice.Asked {
		return nil, nil // another job's: its checkpoint is refused later
	}
	if c := j.Choice; done.Trials != nil && (c.Shrink != "" && c.Shrink != done.Shrink ||
		c.Share != "" && c.Share != done.Share || done.Outputs && j.Train.Losses != nil) {
		return nil, nil // what is asked now is not what was chosen
	}
	return &done, nil
}

// writeSearch writes what a search ended at, where there is a checkpoint to go on from.
func (j Job) writeSearch(teacher *Model, s search) error {
	if j.Checkpoint == "" {
		return nil
	}
	if err := os.MkdirAll(j.Checkpoint, 0o755); err != nil {
		return fmt.Errorf("ildc: checkpoint: %w", err)
	}
	s.Teacher, s.Budget = teacher.side.SHA256, j.Choice.Asked
	return report.WriteJSON(filepath.Join(j.Checkpoint, searchFile), s)
}
