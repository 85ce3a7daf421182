// Package shared finds what tests read: this module's own files, and what lies beside the repository in a folder
// that need not be there, ../shared, with models, teachers and data of others. Where that is missing a test is
// skipped, with the reason.
//
//	teacher := shared.File(t, "teachers/resnet20_cifar10.onnx")
//	for _, file := range shared.Models(t) { … }
//
// Only tests import it.
package shared
