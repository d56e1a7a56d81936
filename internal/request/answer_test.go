package request

import "testing"

func TestAnswerShape(t *testing.T) {
	shape := func(kind, s string) (uint64, uint64) { return AnswerShape(kind, []byte(s), new(Scratch)) }
	const kind = "application/json; charset=utf-8"
	a, bodyA := shape(kind, `{"id":1,"name":"lamp","price":{"net":5,"tax":1}}`)
	b, bodyB := shape(kind, `{"price":{"tax":2,"net":7},"name":"chair","id":2}`)
	c, _ := shape(kind, `{"id":1,"name":"lamp","stock":4}`)
	deep, _ := shape(kind, `{"id":1,"name":"lamp","price":{"net":5,"tax":1},"x":{"y":{"z":{"w":1}}}}`)
	if a != b || bodyA == bodyB || a == 0 {
		t.Errorf("one endpoint, two objects: got schemas %x %x, bodies %x %x; want one schema, two bodies", a, b, bodyA, bodyB)
	}
	if a == c {
		t.Error("another set of keys has the same schema")
	}
	if deep != a {
		t.Error("keys below depth two count")
	}
	if s, body := shape("text/html", "<html>"); s != 0 || body == 0 {
		t.Errorf("HTML: got schema %x, body %x; want no schema", s, body)
	}
	if s, body := shape(kind, ""); s != 0 || body != 0 {
		t.Errorf("nothing: got %x, %x", s, body)
	}
	list, _ := shape(kind, `[{"id":1},{"id":2},{"id":3}]`)
	longer, _ := shape(kind, `[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5}]`)
	if list != longer {
		t.Error("the length of a list changes its schema")
	}
}
