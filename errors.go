package ildc

import (
	"github.com/ildc/ildc/distill"
	"github.com/ildc/ildc/internal/engines"
	"github.com/ildc/ildc/internal/pipeline"
)

// Errors that callers tell apart, with errors.Is.
var (
	// ErrDeclined says that a model cannot be compressed. The error's text and [Result] name what is in the way, and why.
	ErrDeclined = pipeline.ErrDeclined
	// ErrInterrupted says that a run was cancelled; with a checkpoint folder it can be resumed.
	ErrInterrupted = distill.ErrInterrupted
	// ErrTeacherNearChance says that the teacher is no better than guessing on the data, which Options.Force overrules.
	ErrTeacherNearChance = distill.ErrTeacherNearChance
	// ErrMemory says that a training step needs more memory than there is, which Options.Force overrules.
	ErrMemory = distill.ErrMemory
	// ErrVerification says that the exported student does not compute what was trained.
	ErrVerification = pipeline.ErrVerification
	// ErrNoSuchEngine and ErrNoSuchDevice are those of [OpenEngine]. Where an engine that exists cannot be had, its errors
	// wrap library.ErrNotFound or ort.ErrUnavailable.
	ErrNoSuchEngine = engines.ErrNoEngine
	ErrNoSuchDevice = engines.ErrNoDevice
)
