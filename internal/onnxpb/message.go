package onnxpb

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Errors that callers tell apart.
var (
	ErrMalformed = errors.New("malformed") // the bytes contradict the format
	ErrTooLarge  = errors.New("too large") // the message is beyond a limit
)

// Limits bound what [Unmarshal] takes. A field that is 0 has its default.
type Limits struct {
	Bytes    int64 // size of the encoded message; default 2 GiB − 1, protobuf's own limit
	Depth    int   // nesting of messages; default 100, as in protobuf's C++ reader
	Messages int   // number of messages of all kinds, each of which takes some 200 bytes however short it is; default 4 Mi
}

func (l Limits) withDefaults() Limits {
	if l.Bytes == 0 {
		l.Bytes = math.MaxInt32
	}
	if l.Depth == 0 {
		l.Depth = 100
	}
	if l.Messages == 0 {
		l.Messages = 4 << 20
	}
	return l
}

// Unmarshal reads a message. It fails with [ErrMalformed] or [ErrTooLarge], naming the part of the message that is at
// fault.
func Unmarshal(data []byte, m proto.Message, l Limits) error {
	l = l.withDefaults()
	if int64(len(data)) > l.Bytes {
		return fmt.Errorf("onnxpb: a message of %d bytes, the limit is %d: %w", len(data), l.Bytes, ErrTooLarge)
	}
	s := scanner{left: l.Messages}
	if f := s.scan(m.ProtoReflect().Descriptor(), data, l.Depth); f != nil {
		return fmt.Errorf("onnxpb: %w", f)
	}
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("onnxpb: %w: %w", err, ErrMalformed)
	}
	return nil
}

// scanner walks the wire format of a message without allocating.
type scanner struct{ left int }

// fault is what is wrong in one part of a message.
type fault struct {
	path string // of fields, outermost first
	what string
	kind error
}

func (f *fault) Error() string {
	if f.path == "" {
		return fmt.Sprintf("%s: %v", f.what, f.kind)
	}
	return fmt.Sprintf("%s: %s: %v", f.path, f.what, f.kind)
}

func (f *fault) Unwrap() error { return f.kind }

func (s *scanner) scan(md protoreflect.MessageDescriptor, data []byte, depth int) *fault {
	if s.left--; s.left < 0 {
		return &fault{what: "too many messages", kind: ErrTooLarge}
	}
	if depth == 0 {
		return &fault{what: "messages are nested too deeply", kind: ErrTooLarge}
	}
	var seen [32]int // parts so far, by field number
	for rest := data; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return s.broken(data, rest, n)
		}
		rest = rest[n:]
		fd := md.Fields().ByNumber(num)
		if fd == nil || fd.Message() == nil || typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, rest); n < 0 {
				return s.broken(data, rest, n)
			}
			rest = rest[n:]
			continue
		}
		part, n := protowire.ConsumeBytes(rest)
		if n < 0 {
			return s.broken(data, rest, n)
		}
		if f := s.scan(fd.Message(), part, depth-1); f != nil {
			path := string(fd.Name())
			if fd.IsList() {
				path = fmt.Sprintf("%s[%d]", path, seen[num%32])
			}
			if f.path != "" {
				path += "." + f.path
			}
			f.path = path
			return f
		}
		seen[num%32]++
		rest = rest[n:]
	}
	return nil
}

func (s *scanner) broken(data, rest []byte, n int) *fault {
	what := fmt.Sprintf("at byte %d of %d: %v", len(data)-len(rest), len(data), protowire.ParseError(n))
	return &fault{what: what, kind: ErrMalformed}
}

// Marshal encodes a message; equal messages give equal bytes.
func Marshal(m proto.Message) ([]byte, error) {
	if n := proto.Size(m); n > math.MaxInt32 {
		return nil, fmt.Errorf("onnxpb: a message of %d bytes, protobuf's limit is %d: %w", n, math.MaxInt32, ErrTooLarge)
	}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("onnxpb: %w", err)
	}
	return data, nil
}

// Equal says whether two messages have equal fields, unknown ones included.
func Equal(a, b proto.Message) bool { return proto.Equal(a, b) }

// Shallow copies a message without copying what its fields hold: a field of the copy may be set, and not be changed in
// place. The copy of nil is empty.
func Shallow[M proto.Message](m M) M {
	from := m.ProtoReflect()
	to := from.New()
	from.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(fd, v)
		return true
	})
	to.SetUnknown(from.GetUnknown())
	return to.Interface().(M)
}
