package swarm

import (
	"bytes"
	"encoding/binary"
)

// encodeRows writes rows column by column, each value by its place in the
// column's dictionary: rows are much alike. Addresses and ids are left out.
func encodeRows(w *bytes.Buffer, rows []row) {
	var b []byte
	b = binary.AppendUvarint(b, uint64(len(rows)))
	for a := range Attributes {
		places, dictionary := map[uint32]uint64{}, []uint32{}
		for i := range rows {
			if v := rows[i].at[a]; places[v] == 0 {
				dictionary = append(dictionary, v)
				places[v] = uint64(len(dictionary))
			}
		}
		b = binary.AppendUvarint(b, uint64(len(dictionary)))
		for _, v := range dictionary {
			b = binary.LittleEndian.AppendUint32(b, v)
		}
		for i := range rows {
			b = binary.AppendUvarint(b, places[rows[i].at[a]]-1)
		}
	}
	for i := range rows {
		r := &rows[i]
		b = binary.LittleEndian.AppendUint32(b, r.client)
		b = binary.LittleEndian.AppendUint16(b, r.status)
		b = append(b, byte(r.flags))
		b = binary.AppendVarint(b, r.time)
	}
	w.Write(b)
}

// reader reads numbers until something is wrong.
type reader struct {
	b   []byte
	bad bool
}

// take returns the next n bytes, or n zeros where there are not as many.
func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, n)
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if r.bad || n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// rows reads what encodeRows wrote, at most limit rows.
func (r *reader) rows(limit int) []row {
	n := r.uvarint()
	if r.bad || n > uint64(limit) {
		r.bad = true
		return nil
	}
	out := make([]row, n)
	for a := range Attributes {
		size := r.uvarint()
		if size > n {
			r.bad = true
			return nil
		}
		dictionary := r.take(int(size) * 4)
		for i := range out {
			place := r.uvarint()
			if r.bad || place >= size {
				r.bad = true
				return nil
			}
			out[i].at[a] = binary.LittleEndian.Uint32(dictionary[place*4:])
		}
	}
	for i := range out {
		out[i].client = binary.LittleEndian.Uint32(r.take(4))
		out[i].status = binary.LittleEndian.Uint16(r.take(2))
		out[i].flags = flags(r.take(1)[0])
		out[i].time = r.varint()
		if r.bad {
			return nil
		}
	}
	return out
}
