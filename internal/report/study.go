package report

// Study is what a study has found. Its JSON form is what the command prints with --json.
type Study struct {
	Schema   int        `json:"schema"`
	Teacher  Side       `json:"teacher"`
	Budget   string     `json:"budget"`
	Measured string     `json:"measured"` // what metrics were measured on, see [Training]
	Metric   string     `json:"metric"`   // "accuracy", "agreement" or "cosine", see [distill.Metrics.Score]
	Baseline string     `json:"baseline"` // the arm that others are compared with, seed by seed
	Arms     []ArmStudy `json:"arms"`
}

// ArmStudy are the runs of one arm.
type ArmStudy struct {
	Name   string `json:"name"`
	About  string `json:"about"`
	Losses string `json:"losses"` // with their weights
	Runs   []*Run `json:"runs"`   // by seed

	Score      Spread `json:"score"`      // as measured
	Validation Spread `json:"validation"` // on the validation part, of the state that was exported
	// Difference is that of the scores from those of the baseline with the same seed; P how likely one as large comes
	// about by chance, by the paired t-test; Overhead the time of a step over that of the baseline, less 1. All are nil
	// for the baseline, P also for a single seed, and Overhead where the baseline's time is not known.
	Difference *Spread  `json:"difference"`
	P          *float64 `json:"p"`
	Overhead   *float64 `json:"overhead"`

	StepTime float64 `json:"step_ms"` // the median over runs of a step's median time
}

// Run is one training of a study. Its student lies in the study's folder.
type Run struct {
	Arm  string `json:"arm"` // the first that needed it; others with the same settings share it
	Seed uint64 `json:"seed"`
	Training
}

// Spread is a mean over seeds, and the deviation of one seed from it, by n−1; 0 for one seed.
type Spread struct {
	Mean      float64 `json:"mean"`
	Deviation float64 `json:"deviation"`
}
