// Package setting lets an error name the settings that would mend it, by the names of their fields. A library names
// fields; the command line, which alone knows flags, asks for [Fields] and adds them.
//
//	return setting.Mends(fmt.Errorf("batches of %d or less fit", n), "Batch")
package setting
