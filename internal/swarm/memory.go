package swarm

// memory32 remembers when it was told of clients, at most 64 Ki of them.
type memory32 struct {
	at    map[uint32]int64
	order []uint32
	next  int
}

func newMemory32() *memory32 { return &memory32{at: map[uint32]int64{}} }

const remembered = 1 << 16

func (m *memory32) note(now int64, client uint32) {
	if _, known := m.at[client]; known {
		m.at[client] = now
		return
	}
	if len(m.order) < remembered {
		m.order = append(m.order, client)
	} else {
		delete(m.at, m.order[m.next])
		m.order[m.next] = client
		m.next = (m.next + 1) % remembered
	}
	m.at[client] = now
}

func (m *memory32) has(client uint32) bool { _, ok := m.at[client]; return ok }

// within reports whether a client was noted less than d ms before now.
func (m *memory32) within(now int64, client uint32, d int64) bool {
	at, ok := m.at[client]
	return ok && now-at < d
}
