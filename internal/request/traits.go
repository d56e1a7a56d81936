package request

import "bartizan/internal/digest"

// Traits are what follows from a value's key alone. The keys of one API are few:
// they are found once and remembered, not once for each value.
type Traits struct {
	// Shape is for the API model with this seed to keep its key of the parameter in.
	Shape, Seed uint64
	user        int8 // how surely a field of this name holds a user name, 0 to 3
	password    bool // whether it holds a password
	id          bool // whether it holds ids of objects
	in          Location
	length      uint8
	key         [47]byte
}

// traits remembers the traits of keys, a place for each hash: a key that comes
// drives out another one that has the same place.
type traits struct {
	of   [64]Traits // 4 KiB
	long Traits     // of the last key that is too long to be remembered
}

// find returns the traits of a key.
func (t *traits) find(in Location, key string) *Traits {
	if len(key) > len(t.long.key) {
		t.long = newTraits(in, key)
		return &t.long
	}
	p := &t.of[digest.String(uint64(in), key)%uint64(len(t.of))]
	if p.length != uint8(len(key))+1 || p.in != in || string(p.key[:len(key)]) != key {
		*p = newTraits(in, key)
		p.length = uint8(len(key)) + 1
		copy(p.key[:], key)
	}
	return p
}

// Password reports whether a field of this name holds a password.
func (t *Traits) Password() bool { return t.password }

func newTraits(in Location, key string) Traits {
	t := Traits{in: in, id: idKey(key)}
	user, password := loginField(key)
	t.user, t.password = int8(user), password
	return t
}
