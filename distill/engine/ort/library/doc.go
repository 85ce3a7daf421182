// Package library finds, checks and installs ONNX Runtime's shared library, which package distill/engine/ort loads.
//
//	found, err := library.Find("")                              // ILDC_ORT_LIB's, the install folder's or the system's
//	found, err = library.Install(ctx, library.InstallOptions{}) // the pinned version, into the install folder
//	err = library.Check(found.Path)                             // before it is loaded
//
// One version is pinned: [Version]. For each platform the table in pinned.go names its two packages, the archive of
// ONNX Runtime's release and the tarball of the npm package onnxruntime-node, with their SHA-256, and the files taken
// from them, with theirs. Nothing that comes over a network is installed unless both agree. The checksums of the npm
// package were computed from the tarball whose SHA-512 the npm registry publishes; those of the release archives are
// the digests that GitHub publishes beside them, and what several independent projects pin, too.
//
// The package needs neither cgo nor a library to be there.
package library
