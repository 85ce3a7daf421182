package library

import (
	"bytes"
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// little puts values together as they stand in a file.
func little(values ...any) []byte {
	var b bytes.Buffer
	for _, v := range values {
		if err := binary.Write(&b, binary.LittleEndian, v); err != nil {
			panic(err) // a test's own mistake
		}
	}
	return b.Bytes()
}

// makeELF makes a shared library that exports one name.
func makeELF(machine elf.Machine, kind elf.Type, export string) []byte {
	names := []byte("\x00" + export + "\x00.dynsym\x00")
	symbols := little(elf.Sym64{}, elf.Sym64{Name: 1, Info: byte(elf.STB_GLOBAL)<<4 | byte(elf.STT_FUNC), Shndx: 1})
	const head, program, section = 64, 56, 64
	namesAt := uint64(head + program)
	symbolsAt := namesAt + uint64(len(names))
	sectionsAt := symbolsAt + uint64(len(symbols))
	total := sectionsAt + 3*section
	h := elf.Header64{Type: uint16(kind), Machine: uint16(machine), Version: 1, Phoff: head, Shoff: sectionsAt,
		Ehsize: head, Phentsize: program, Phnum: 1,
		Shentsize: section, Shnum: 3, Shstrndx: 1}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	return little(h, elf.Prog64{Type: uint32(elf.PT_LOAD), Filesz: total + 100, Memsz: total + 100}, names, symbols,
		elf.Section64{},
		elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))},
		elf.Section64{Name: uint32(len(export) + 2), Type: uint32(elf.SHT_DYNSYM), Off: symbolsAt, Size: uint64(len(symbols)),
			Link: 1, Entsize: 24},
		make([]byte, 100)) // of the segment, past all that the tables describe
}

// makeMachO makes a shared library that exports one name.
func makeMachO(cpu macho.Cpu, kind macho.Type, export string) []byte {
	names := []byte("\x00_" + export + "\x00")
	const head, segment, table, symbol = 32, 72, 24, 16
	symbolsAt := uint32(head + segment + table)
	namesAt := symbolsAt + symbol
	total := uint64(namesAt) + uint64(len(names)) + 100
	return little(macho.FileHeader{Magic: macho.Magic64, Cpu: cpu, Type: kind, Ncmd: 2, Cmdsz: segment + table}, uint32(0),
		macho.Segment64{Cmd: macho.LoadCmdSegment64, Len: segment, Filesz: total},
		macho.SymtabCmd{Cmd: macho.LoadCmdSymtab, Len: table, Symoff: symbolsAt, Nsyms: 1, Stroff: namesAt,
			Strsize: uint32(len(names))},
		macho.Nlist64{Name: 1, Type: 0x0f, Sect: 1}, names, make([]byte, 100))
}

// makeFat makes a universal library of parts, 16 bytes apart.
func makeFat(cpus []macho.Cpu, parts ...[]byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, macho.MagicFat)
	b = binary.BigEndian.AppendUint32(b, uint32(len(parts)))
	offset := (len(b) + 20*len(parts) + 15) &^ 15
	var body []byte
	for i, part := range parts {
		for _, v := range []uint32{uint32(cpus[i]), 0, uint32(offset + len(body)), uint32(len(part)), 4} {
			b = binary.BigEndian.AppendUint32(b, v)
		}
		body = append(body, part...)
		body = append(body, make([]byte, -len(part)&15)...)
	}
	return append(append(b, make([]byte, offset-len(b))...), body...)
}

// makePE makes a library that exports one name.
func makePE(machine, characteristics uint16, export string) []byte {
	const headers, address = 0x200, 0x1000
	directory := make([]byte, 40)
	binary.LittleEndian.PutUint32(directory[24:], 1)
	binary.LittleEndian.PutUint32(directory[32:], address+40)
	body := append(little(directory, uint32(address+44)), export+"\x00"...)
	body = append(body, make([]byte, 100)...)
	optional := pe.OptionalHeader64{Magic: 0x20b, NumberOfRvaAndSizes: 16}
	optional.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT] = pe.DataDirectory{VirtualAddress: address, Size: 40}
	dos := make([]byte, 0x40)
	copy(dos, "MZ")
	dos[0x3c] = 0x40
	b := little(dos, []byte("PE\x00\x00"),
		pe.FileHeader{Machine: machine, NumberOfSections: 1, SizeOfOptionalHeader: uint16(binary.Size(optional)),
			Characteristics: characteristics}, optional,
		pe.SectionHeader32{VirtualSize: uint32(len(body)), VirtualAddress: address, SizeOfRawData: uint32(len(body)),
			PointerToRawData: headers})
	return append(append(b, make([]byte, headers-len(b))...), body...)
}

// hostLibrary makes a library that passes Check on this platform.
func hostLibrary(t *testing.T) []byte {
	t.Helper()
	goos, goarch := host()
	switch {
	case goos == "windows":
		return makePE(map[string]uint16{"amd64": pe.IMAGE_FILE_MACHINE_AMD64, "arm64": pe.IMAGE_FILE_MACHINE_ARM64}[goarch],
			pe.IMAGE_FILE_DLL, entry)
	case goos == "darwin":
		return makeMachO(map[string]macho.Cpu{"amd64": macho.CpuAmd64, "arm64": macho.CpuArm64}[goarch], macho.TypeDylib,
			entry)
	case goarch == "amd64":
		return makeELF(elf.EM_X86_64, elf.ET_DYN, entry)
	case goarch == "arm64":
		return makeELF(elf.EM_AARCH64, elf.ET_DYN, entry)
	}
	t.Skipf("the test has no library of %s/%s", goos, goarch)
	return nil
}

func TestCheckFormat(t *testing.T) {
	const anyPE, dll = 0, pe.IMAGE_FILE_DLL
	linux := makeELF(elf.EM_X86_64, elf.ET_DYN, entry)
	mac := makeMachO(macho.CpuArm64, macho.TypeDylib, entry)
	windows := makePE(pe.IMAGE_FILE_MACHINE_AMD64, dll, entry)
	universal := makeFat([]macho.Cpu{macho.CpuAmd64, macho.CpuArm64}, makeMachO(macho.CpuAmd64, macho.TypeDylib, entry),
		mac)
	for _, c := range []struct {
		name, goos, goarch string
		data               []byte
		says               string // "": nothing is wrong
	}{
		{"linux", "linux", "amd64", linux, ""},
		{"freebsd", "freebsd", "amd64", linux, ""},
		{"macOS", "darwin", "arm64", mac, ""},
		{"universal", "darwin", "arm64", universal, ""},
		{"universal, the other part", "darwin", "amd64", universal, ""},
		{"windows", "windows", "amd64", windows, ""},
		{"empty", "linux", "amd64", nil, "empty"},
		{"one byte", "linux", "amd64", []byte("x"), "no shared library"},
		{"text", "linux", "amd64", []byte("#!/bin/sh\necho no\n"), "no shared library"},
		{"of Windows", "linux", "amd64", windows, "another operating system: its format is PE"},
		{"of Linux", "windows", "amd64", linux, "another operating system: its format is ELF"},
		{"of macOS", "linux", "amd64", mac, "another operating system: its format is Mach-O"},
		{"of another processor", "linux", "arm64", linux, "another processor: amd64, where this is arm64"},
		{"of another processor, macOS", "darwin", "amd64", mac, "another processor: arm64"},
		{"of another processor, Windows", "windows", "arm64", windows, "another processor: amd64"},
		{"of an unknown processor", "linux", "amd64", makeELF(elf.EM_RISCV, elf.ET_DYN, entry), "one that is not known"},
		{"a program", "linux", "amd64", makeELF(elf.EM_X86_64, elf.ET_EXEC, entry), "it is a program"},
		{"a program of macOS", "darwin", "arm64", makeMachO(macho.CpuArm64, macho.TypeExec, entry), "it is a program"},
		{"a program of Windows", "windows", "amd64", makePE(pe.IMAGE_FILE_MACHINE_AMD64, anyPE, entry), "it is a program"},
		{"another library", "linux", "amd64", makeELF(elf.EM_X86_64, elf.ET_DYN, "OrtGetApi"),
			"does not export OrtGetApiBase"},
		{"another library, macOS", "darwin", "arm64", makeMachO(macho.CpuArm64, macho.TypeDylib, "deflate"),
			"does not export"},
		{"another library, Windows", "windows", "amd64", makePE(pe.IMAGE_FILE_MACHINE_AMD64, dll, "deflate"),
			"does not export"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := checkFormat(bytes.NewReader(c.data), int64(len(c.data)), c.goos, c.goarch)
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// Wherever a library ends too early, that is noticed; and damage in any of its bytes does no harm.
func TestDamaged(t *testing.T) {
	mac := makeMachO(macho.CpuArm64, macho.TypeDylib, entry)
	for _, c := range []struct {
		name, goos, goarch string
		data               []byte
	}{
		{"ELF", "linux", "amd64", makeELF(elf.EM_X86_64, elf.ET_DYN, entry)},
		{"Mach-O", "darwin", "arm64", mac},
		{"universal", "darwin", "arm64", makeFat([]macho.Cpu{macho.CpuArm64}, mac)},
		{"PE", "windows", "amd64", makePE(pe.IMAGE_FILE_MACHINE_AMD64, pe.IMAGE_FILE_DLL, entry)},
	} {
		whole := len(bytes.TrimRight(c.data, "\x00")) + 1
		for n := range c.data {
			if err := checkFormat(bytes.NewReader(c.data[:n]), int64(n), c.goos, c.goarch); err == nil && n < whole {
				t.Errorf("%s: %d of %d bytes pass", c.name, n, len(c.data))
			}
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				damaged := bytes.Clone(c.data)
				damaged[n] ^= flip
				_ = checkFormat(bytes.NewReader(damaged), int64(len(damaged)), c.goos, c.goarch) // may pass; must return
			}
		}
		short := c.data[:len(c.data)-20]
		if err := checkFormat(bytes.NewReader(short), int64(len(short)), c.goos, c.goarch); c.name != "universal" &&
			(err == nil || !strings.Contains(err.Error(), "truncated")) {
			t.Errorf("%s, its last segment cut short: %v", c.name, err)
		}
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, data []byte, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := hostLibrary(t)
	cases := []struct{ name, path, says string }{
		{"good", file("good", good, 0o644), ""},
		{"missing", filepath.Join(dir, "missing"), "missing"},
		{"a folder", dir, "no regular file"},
		{"truncated", file("short", good[:len(good)-20], 0o644), "truncated"},
	}
	if runtime.GOOS != "windows" && os.Geteuid() != 0 { // nothing is unreadable for root
		cases = append(cases, struct{ name, path, says string }{"unreadable", file("closed", good, 0), "permission"})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Check(c.path)
			if c.says == "" && err != nil || c.says != "" &&
				(err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.path)) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}
