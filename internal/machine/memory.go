package machine

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// system is the root of the file system, where Linux says what memory there is. Other systems have no such files.
var system = os.DirFS("/")

// FreeMemory is how many bytes can still be allocated: what the machine has, or what its control groups leave of it. It
// is 0 where that is not known.
func FreeMemory() int64 { return freeMemory(system) }

func freeMemory(root fs.FS) int64 {
	free := field(root, "proc/meminfo", "MemAvailable:") << 10
	if free <= 0 {
		return 0
	}
	for _, group := range controlGroups(root) {
		free = min(free, group.free(root))
	}
	return free
}

// controlGroup is a folder of Linux's control groups, and the names of its files.
type controlGroup struct{ folder, limit, used, cache string }

// controlGroups lists the groups that bound this process: its own and those around it, of version 2 and of version 1.
func controlGroups(root fs.FS) []controlGroup {
	var all []controlGroup
	text, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, name, ok := strings.Cut(rest, ":")
		group := controlGroup{"sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"}
		switch {
		case !ok:
			continue
		case controllers == "memory":
			group = controlGroup{"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"}
		case controllers != "":
			continue
		}
		mount := group.folder
		for name = path.Join("/", name); ; name = path.Dir(name) {
			group.folder = path.Join(mount, name)
			if all = append(all, group); name == "/" {
				break
			}
		}
	}
	return all
}

// free is what the group's limit leaves. Memory that caches files counts as free, since it is given up when it is
// needed.
func (g controlGroup) free(root fs.FS) int64 {
	limit, limited := number(root, path.Join(g.folder, g.limit))
	used, known := number(root, path.Join(g.folder, g.used))
	if !limited || !known {
		return math.MaxInt64
	}
	cache := field(root, path.Join(g.folder, "memory.stat"), g.cache)
	return max(1, limit-max(0, used-cache))
}

// number reads a file that holds one number; "max" is none.
func number(root fs.FS, name string) (int64, bool) {
	text, err := fs.ReadFile(root, name)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
	return n, err == nil
}

// field reads the number behind a name, in a file with one on each line; 0 where it is not there.
func field(root fs.FS, file, name string) int64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			n, _ := strconv.ParseInt(words[1], 10, 64) // 0 where it is no number
			return n
		}
	}
	return 0
}

// ResidentMemory is how many bytes of this process are in memory, and the most that were; 0 where the system does not
// say.
func ResidentMemory() (now, peak int64) { return residentMemory(system) }

func residentMemory(root fs.FS) (now, peak int64) {
	return field(root, "proc/self/status", "VmRSS:") << 10, field(root, "proc/self/status", "VmHWM:") << 10
}

// ResetPeak makes the peak of [ResidentMemory] what is resident now. It says whether the system could.
func ResetPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }
