package machine

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestFreeMemory(t *testing.T) {
	const kB = 1 << 10
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	meminfo := file("MemTotal:       4000 kB\nMemFree:         100 kB\nMemAvailable:   3000 kB\n")
	for _, c := range []struct {
		name string
		root fstest.MapFS
		want int64
	}{
		{"a system without these files", fstest.MapFS{}, 0},
		{"no control group", fstest.MapFS{"proc/meminfo": meminfo}, 3000 * kB},
		{"a group without a limit", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("max\n"), "sys/fs/cgroup/memory.current": file("5\n")}, 3000 * kB},
		{"a group's limit, caches not counted", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("1024000\n"), "sys/fs/cgroup/memory.current": file("512000\n"),
			"sys/fs/cgroup/memory.stat": file("anon 7\ninactive_file 102400\n")}, 600 * kB},
		{"the limit of a group around ours", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/a/b\n"),
			"sys/fs/cgroup/a/b/memory.max": file("max\n"), "sys/fs/cgroup/a/b/memory.current": file("0\n"),
			"sys/fs/cgroup/a/memory.max": file("1024\n"), "sys/fs/cgroup/a/memory.current": file("0\n")}, 1 * kB},
		{"a limit above what the machine has", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("99999999999\n"), "sys/fs/cgroup/memory.current": file("0\n")}, 3000 * kB},
		{"a limit that is used up", fstest.MapFS{"proc/meminfo": meminfo, "proc/self/cgroup": file("0::/\n"),
			"sys/fs/cgroup/memory.max": file("1024\n"), "sys/fs/cgroup/memory.current": file("2048\n")}, 1},
		{"version 1", fstest.MapFS{"proc/meminfo": meminfo,
			"proc/self/cgroup":                           file("5:cpu:/x\n4:memory:/x\n1:name=systemd:/\n"),
			"sys/fs/cgroup/memory/memory.limit_in_bytes": file("2048\n"),
			"sys/fs/cgroup/memory/memory.usage_in_bytes": file("1024\n")}, 1 * kB},
		{"nonsense", fstest.MapFS{"proc/meminfo": file("MemAvailable: many\n"), "proc/self/cgroup": file("x\n::\n")}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := freeMemory(c.root); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

// Files that cannot be read, or that lack what is asked for, tell nothing.
func TestField(t *testing.T) {
	root := fstest.MapFS{"status": {Data: []byte("Name:\tildc\nVmRSS:\t   12 kB\nVmHWM:\n")}}
	for _, c := range []struct {
		file, name string
		want       int64
	}{
		{"status", "VmRSS:", 12}, {"status", "VmHWM:", 0}, {"status", "Name:", 0}, {"status", "VmSwap:", 0},
		{"missing", "VmRSS:", 0},
	} {
		if got := field(root, c.file, c.name); got != c.want {
			t.Errorf("%s of %s: %d, want %d", c.name, c.file, got, c.want)
		}
	}
}

func TestResidentMemoryOf(t *testing.T) {
	root := fstest.MapFS{"proc/self/status": {Data: []byte("VmPeak:\t 99 kB\nVmHWM:\t 20 kB\nVmRSS:\t 10 kB\n")}}
	if now, peak := residentMemory(root); now != 10<<10 || peak != 20<<10 {
		t.Errorf("%d bytes, at the most %d", now, peak)
	}
	if now, peak := residentMemory(fstest.MapFS{}); now != 0 || peak != 0 {
		t.Errorf("%d bytes, at the most %d, of a system that does not say", now, peak)
	}
}

// A peak that is past is forgotten.
func TestResetPeak(t *testing.T) {
	const much = 96 << 20
	held := make([]byte, much)
	for i := 0; i < len(held); i += os.Getpagesize() {
		held[i] = 1
	}
	_, before := ResidentMemory()
	runtime.KeepAlive(held)
	debug.FreeOSMemory()
	if !ResetPeak() {
		t.Skip("this system does not reset the peak")
	}
	if now, peak := ResidentMemory(); peak > before-much/2 || peak < now {
		t.Errorf("the peak is %d bytes, and was %d with %d more", peak, before, much)
	}
}

func TestResidentMemory(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what is resident")
	}
	before, _ := ResidentMemory()
	held := make([]byte, 64<<20)
	for i := 0; i < len(held); i += os.Getpagesize() {
		held[i] = 1
	}
	now, peak := ResidentMemory()
	runtime.KeepAlive(held)
	if before <= 0 || now < before+32<<20 || peak < now {
		t.Errorf("%d bytes, then %d with 64 MiB more, peak %d", before, now, peak)
	}
	if free := FreeMemory(); free <= 0 {
		t.Errorf("%d bytes free", free)
	}
}
