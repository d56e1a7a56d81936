package attacker

import "testing"

// A million clients must fit in a gibibyte with all that they share.
func TestRecordSize(t *testing.T) {
	const most = 600
	if RecordSize > most {
		t.Errorf("got %d bytes a record; want at most %d", RecordSize, most)
	}
	t.Logf("%d bytes", RecordSize)
}
