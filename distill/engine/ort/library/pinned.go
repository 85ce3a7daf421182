package library

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ildc/ildc/internal/setting"
)

// release is where the archives of the pinned release are.
const release = "https://github.com/microsoft/onnxruntime/releases/download/v" + Version + "/"

// The packages that hold a library: [InstallOptions].From.
const (
	FromArchive = "archive"
	FromNPM     = "npm"
)

// build is what there is of the pinned version for a platform.
type build struct {
	goos, goarch string
	packs        []pack // in the order in which they are tried
}

// pack is a file that holds a library, and more.
type pack struct {
	from    string // FromArchive or FromNPM
	name    string
	size    int64 // in bytes
	sha256  string
	members []member // what is taken from it; the library first
}

// member is a file in a pack. It is installed under the last part of its path, the library under installedName.
type member struct {
	path   string
	size   int64 // in bytes
	sha256 string
}

// npmPack is the one package with the libraries of all platforms.
func npmPack(members ...member) pack {
	return pack{FromNPM, "onnxruntime-node-" + Version + ".tgz", 113507888,
		"6e3390d6b783e7be946fad629292799da28d0b42f84856e50d2c1b0383291e75", members}
}

// npmFolder is where that package has its libraries.
const npmFolder = "package/bin/napi-v6/"

// builds is the table of platforms. Beside the library of the npm package for Windows are those by which it reaches
// DirectML and WebGPU, which it loads when they are asked for; no other library needs a file that its system does not
// have.
var builds = []build{
	{"linux", "amd64", []pack{
		{FromArchive, "onnxruntime-linux-x64-1.30.0.tgz", 11306877,
			"a5ed5a3cac51fbb2e90da632ae43d19212faaa20e76484e62bcb7c23ddb3b3fd", []member{
				{"onnxruntime-linux-x64-1.30.0/lib/libonnxruntime.so.1.30.0", 28985152,
					"245a6f8c38127551057a1cd1ffd59f0a186a227ade4f3492dea2494eb565542e"},
			}},
		npmPack(member{npmFolder + "linux/x64/libonnxruntime.so.1", 45828512,
			"ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23"}),
	}},
	{"linux", "arm64", []pack{
		{FromArchive, "onnxruntime-linux-aarch64-1.30.0.tgz", 10269495,
			"e16a27a8ed330bbc698df7330b0cf56e722f354e3bcc92118682c74ef3c3e3da", []member{
				{"onnxruntime-linux-aarch64-1.30.0/lib/libonnxruntime.so.1.30.0", 25135496,
					"64e903a43a041240fd6bcffe0ac6d4fea47ef87bf24b9d097801bd00a9612a4b"},
			}},
		npmPack(member{npmFolder + "linux/arm64/libonnxruntime.so.1", 25135496,
			"1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76"}),
	}},
	{"darwin", "arm64", []pack{
		{FromArchive, "onnxruntime-osx-arm64-1.30.0.tgz", 42373116,
			"6ebb5062a934537c352937821f9fe9718e7de1a2db1122a93dd363ffd53a7012", []member{
				{"onnxruntime-osx-arm64-1.30.0/lib/libonnxruntime.1.30.0.dylib", 43879424,
					"bcc9110f9d638a119de2db7afb3ba9a1da8085f0cb3401e1c48ae1caf450b6fa"},
			}},
		npmPack(member{npmFolder + "darwin/arm64/libonnxruntime.1.30.0.dylib", 44589928,
			"685d2be5dba1309c89d3a5324b7fd06a5c42f1a61bfea32d14c4cc28d072121d"}),
	}},
	{"windows", "amd64", []pack{
		{FromArchive, "onnxruntime-win-x64-1.30.0.zip", 82645522,
			"c6ba983baf5681af108599675d2a89c2d145512d02de28aed0bff177cd0ba949", []member{
				{"onnxruntime-win-x64-1.30.0/lib/onnxruntime.dll", 16462648,
					"7e39e2bdbba836d98071ef28620735ba36a47c554cf794585269aecc50fab0da"},
			}},
		npmPack(
			member{npmFolder + "win32/x64/onnxruntime.dll", 28754232,
				"508c362f5673483dd3a086379c392795b2e42d10d5e6f3f90ebd7ac21c97af67"},
			member{npmFolder + "win32/x64/DirectML.dll", 18527584,
				"234e8898778cdec88d3cb0539508273494082812c968699f3de665a018971625"},
			member{npmFolder + "win32/x64/dxcompiler.dll", 17986360,
				"593d42df78c7f9cbd97c1374af107cfe20985759f98b77afc1448fe41ee3cc76"},
			member{npmFolder + "win32/x64/dxil.dll", 1508664,
				"cf9a3981263f8ec30c9905d136eeaf4b4573209c602198671b958ec86905dea8"},
		),
	}},
}

// buildFor gives what there is for a platform; no packs where there is nothing.
func buildFor(goos, goarch string) build {
	i := slices.IndexFunc(builds, func(b build) bool { return b.goos == goos && b.goarch == goarch })
	if i < 0 {
		return build{goos: goos, goarch: goarch}
	}
	return builds[i]
}

// pack gives the package from somewhere.
func (b build) pack(from string) (pack, error) {
	i := slices.IndexFunc(b.packs, func(p pack) bool { return p.from == from })
	if i < 0 {
		var have []string
		for _, other := range builds {
			have = append(have, other.goos+"/"+other.goarch)
		}
		err := fmt.Errorf("there is no pinned package for %s/%s, only for %v; "+
			"a library from elsewhere can be named, as by %s",
			b.goos, b.goarch, have, Environment)
		return pack{}, setting.Mends(err, "Library")
	}
	return b.packs[i], nil
}

// file is the name under which the i-th member is installed.
func (p pack) file(i int, goos string) string {
	if i == 0 {
		return installedName(goos)
	}
	return filepath.Base(p.members[i].path)
}

// Origin names the pinned package that the file of a library is from, as "archive" or "npm"; "" where it is from none.
func Origin(path string) (string, error) {
	sum, _, err := sumFile(path)
	if err != nil {
		return "", fmt.Errorf("library: %w", err)
	}
	for _, b := range builds {
		for _, p := range b.packs {
			if p.members[0].sha256 == sum {
				return p.from, nil
			}
		}
	}
	return "", nil
}
