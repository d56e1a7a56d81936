package request

// Traits are what follows from a value's key alone. The keys of one API are few:
// they are found once and remembered, not once for each value.
type Traits struct {
	// Shape is for the API model with this seed to keep its key of the parameter in,
	// and At where the request that is walked keeps the parameter.
	Shape, Seed uint64
	At          int
	place       uint64 // 0 for none
	user        int8   // how surely a field of this name holds a user name, 0 to 3
	password    bool   // whether it holds a password
	id          bool   // whether it holds ids of objects
}

// traits remembers the traits of keys, two to a place: a third that comes drives
// out the older.
type traits [64][2]Traits // 5 KiB

// find returns the traits of a key, which place is the keyed digest of.
func (t *traits) find(place uint64, key string) *Traits {
	place |= 1
	set := &t[place>>32%uint64(len(t))]
	if set[0].place == place {
		return &set[0]
	}
	if set[1].place == place {
		return &set[1]
	}
	set[1] = set[0]
	user, password := LoginField(key)
	set[0] = Traits{place: place, user: int8(user), password: password, id: idKey(key)}
	return &set[0]
}

// Password reports whether a field of this name holds a password.
func (t *Traits) Password() bool { return t.password }
