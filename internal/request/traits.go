package request

// Traits are what follows from a value's key alone. The keys of one API are few:
// they are found once and remembered, not once for each value.
type Traits struct {
	// Shape is for the API model with this seed to keep its key of the parameter in,
	// Plain whether that is the parameter's name as it stands, and At where the request
	// that is walked keeps the parameter.
	Shape, Seed uint64
	At          int
	Plain       bool
	First       bool   // it is the first value of this key in the walk, for sure
	Literal     bool   // the value is a number or a truth of JSON, not a text that looks like one
	place       uint64 // 0 for none
	walk        uint32 // in which it was last found
	user        int8   // how surely a field of this name holds a user name, 0 to 3
	password    bool   // whether it holds a password
	id          bool   // whether it holds ids of objects
}

// traits remembers the traits of keys, two to a place: a third that comes drives
// out the older.
type traits struct {
	of   [64][2]Traits // 6 KiB
	walk uint32        // number of the walk
}

// find returns the traits of a key, which place is the keyed digest of.
func (t *traits) find(place uint64, key string) *Traits {
	place |= 1
	set := &t.of[place>>32%uint64(len(t.of))]
	p := &set[0]
	switch place {
	case set[0].place:
	case set[1].place:
		p = &set[1]
	default:
		set[1] = set[0]
		user, password := LoginField(key)
		// It may have been driven out in this walk.
		*p = Traits{place: place, walk: t.walk, user: int8(user), password: password, id: idKey(key)}
	}
	p.First = p.walk != t.walk
	p.walk = t.walk
	return p
}

// Password reports whether a field of this name holds a password.
func (t *Traits) Password() bool { return t.password }
