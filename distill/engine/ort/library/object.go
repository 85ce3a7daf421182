package library

import (
	"debug/elf"
	"debug/macho"
	"debug/pe"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The parsers give the object's format also where they fail.

// parseELF reads a library of Linux and its like.
func parseELF(r io.ReaderAt, _ string) (object, error) {
	o := object{format: "ELF"}
	f, err := elf.NewFile(r)
	if err != nil {
		return o, err
	}
	o.machine = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_386: "386",
		elf.EM_ARM: "arm"}[f.Machine]
	o.shared = f.Type == elf.ET_DYN
	for _, p := range f.Progs {
		if p.Type != elf.PT_NULL && p.Filesz > 0 {
			o.end = max(o.end, end(p.Off, p.Filesz))
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return o, err
	}
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF {
			o.exports = append(o.exports, s.Name)
		}
	}
	return o, nil
}

// parseMachO reads a library of macOS; of a universal one the part for a processor.
func parseMachO(r io.ReaderAt, goarch string) (object, error) {
	o := object{format: "Mach-O"}
	machines := map[macho.Cpu]string{macho.CpuAmd64: "amd64", macho.CpuArm64: "arm64"}
	var f *macho.File
	var offset uint64
	fat, err := macho.NewFatFile(r)
	switch err {
	case nil:
		for _, part := range fat.Arches {
			f, offset, o.machine = part.File, uint64(part.Offset), machines[part.Cpu]
			if o.machine == goarch {
				break
			}
		}
	case macho.ErrNotFat:
		if f, err = macho.NewFile(r); err != nil {
			return o, err
		}
		o.machine = machines[f.Cpu]
	default:
		return o, err
	}
	o.shared = f.Type == macho.TypeDylib
	for _, l := range f.Loads {
		if s, ok := l.(*macho.Segment); ok && s.Filesz > 0 {
			o.end = max(o.end, end(offset+s.Offset, s.Filesz))
		}
	}
	if f.Symtab != nil {
		const external = 0x01 // N_EXT of n_type
		for _, s := range f.Symtab.Syms {
			if s.Type&external != 0 && s.Sect != 0 {
				o.exports = append(o.exports, strings.TrimPrefix(s.Name, "_"))
			}
		}
	}
	return o, nil
}

// parsePE reads a library of Windows.
func parsePE(r io.ReaderAt, _ string) (object, error) {
	o := object{format: "PE"}
	f, err := pe.NewFile(r)
	if err != nil {
		return o, err
	}
	o.machine = map[uint16]string{pe.IMAGE_FILE_MACHINE_AMD64: "amd64", pe.IMAGE_FILE_MACHINE_ARM64: "arm64",
		pe.IMAGE_FILE_MACHINE_I386: "386"}[f.Machine]
	o.shared = f.Characteristics&pe.IMAGE_FILE_DLL != 0
	for _, s := range f.Sections {
		if s.Size > 0 {
			o.end = max(o.end, end(uint64(s.Offset), uint64(s.Size)))
		}
	}
	o.exports, err = exportsPE(f)
	return o, err
}

// exportsPE reads the export directory: at 24 the number of names, at 32 the address of a table of the addresses of
// names.
func exportsPE(f *pe.File) ([]string, error) {
	header, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok || header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress == 0 {
		return nil, nil
	}
	at := func(address uint32, n int) ([]byte, error) {
		for _, s := range f.Sections {
			if address >= s.VirtualAddress && address-s.VirtualAddress < s.Size {
				b := make([]byte, min(n, int(s.Size-(address-s.VirtualAddress))))
				_, err := s.ReadAt(b, int64(address-s.VirtualAddress))
				return b, err
			}
		}
		return nil, fmt.Errorf("no section holds the address %#x", address)
	}
	directory, err := at(header.DataDirectory[pe.IMAGE_DIRECTORY_ENTRY_EXPORT].VirtualAddress, 40)
	if err != nil {
		return nil, err
	}
	if len(directory) < 40 {
		return nil, io.ErrUnexpectedEOF
	}
	const limit = 1 << 16 // names are numbered by 16 bits
	names := min(binary.LittleEndian.Uint32(directory[24:]), limit)
	if names == 0 {
		return nil, nil
	}
	table, err := at(binary.LittleEndian.Uint32(directory[32:]), 4*int(names))
	if err != nil {
		return nil, err
	}
	var exports []string
	for ; len(table) >= 4; table = table[4:] {
		name, err := at(binary.LittleEndian.Uint32(table), 256)
		if err != nil {
			return nil, err
		}
		text, _, _ := strings.Cut(string(name), "\x00")
		exports = append(exports, text)
	}
	return exports, nil
}

// end is where n bytes from an offset end; beyond any file where that overflows.
func end(offset, n uint64) int64 {
	if sum := offset + n; sum >= offset && sum < 1<<62 {
		return int64(sum)
	}
	return 1 << 62
}
