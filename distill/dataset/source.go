package dataset

// Source says what to train and test on: a Path, or datasets of one's own, or neither for inputs that are made up.
type Source struct {
	Path string // see [Open]
	Open Options

	Train, Test Dataset `json:"-"` // used where Path is empty; Test may be nil

	Preprocess Preprocess
	Student    *Preprocess // of a student that expects another preprocessing than the teacher
	Augment    Augment
	Validation float64        // fraction of training data held out to choose the best state; default 0.1, 0 of few
	Symbols    map[string]int // sizes of symbolic extents other than the batch
	Synthetic  int            // number of synthetic samples where there is no data; default 2048

	Noise bool   // synthetic inputs are noise and shapes, though the teacher's batch norm tells what they should be like
	Cache string `json:"-"` // folder for synthetic inputs that took minutes to make; "" keeps none
}

// Given says whether there are data, and not inputs that are made up.
func (s Source) Given() bool { return s.Path != "" || s.Train != nil }
