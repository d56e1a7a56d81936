package apimap

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"bartizan/internal/request"
	"bartizan/internal/signal"
)

func graphOf(text string) (request.Graph, []string) {
	var found request.Graph
	var fields []string
	g := graphReader{s: text, seed: 1, found: &found, field: func(_ uint64, parent, name string) { fields = append(fields, strings.TrimPrefix(parent+"."+name, ".")) }}
	g.read()
	return found, fields
}

func TestGraphReader(t *testing.T) {
	for text, c := range map[string]struct {
		depth, aliases int
		fields         string
	}{
		`{ user { name } }`: {2, 0, "user user.name"},
		`query Q($id: ID! = "{") @live { a: user(id: $id, where: {x: "}"}) { name, mail } }`:                      {2, 1, "user user.name user.mail"},
		"{ # {{{\n user(text: \"\"\"}\"\"\") { ...Rest ... on Admin { roles } } } fragment Rest on User { name }": {3, 0, "user user.roles name"},
		`{a:x b:x c:x}`:         {1, 3, "x x x"},
		`mutation { pay }`:      {1, 0, "pay"},
		`{ unclosed(x: "y`:      {1, 0, "unclosed"},
		`}}}}{ a`:               {1, 0, "a"},
		`{ a { b { c { d } } }`: {4, 0, "a a.b b.c c.d"},
	} {
		g, fields := graphOf(text)
		if g.Depth != c.depth || g.Aliases != c.aliases || strings.Join(fields, " ") != c.fields {
			t.Errorf("%s: got depth %d, aliases %d, %v; want %d, %d, %s", text, g.Depth, g.Aliases, fields, c.depth, c.aliases, c.fields)
		}
	}
	if g, _ := graphOf(`{ __schema { types { name } } }`); !g.Introspects {
		t.Error("introspection was not seen")
	}
}

func TestGraphQLIsTold(t *testing.T) {
	for text, want := range map[string]bool{
		"{ a }": true, "query Q { a }": true, "mutation{a}": true, "# note\nquery { a }": true, `{"a":1}`: false, "query": false, "queryable things": false, "lamp": false, "": false,
	} {
		if got := graphQL(text); got != want {
			t.Errorf("%q: got %v; want %v", text, got, want)
		}
	}
}

func FuzzGraphReader(f *testing.F) {
	f.Add(`query Q($id: ID!) { a: user(id: $id) { ...F @include(if: true) } }`)
	f.Fuzz(func(t *testing.T, text string) {
		if g, fields := graphOf(text); g.Fields != len(fields) || g.Depth > len(text) {
			t.Errorf("got %+v with %d fields", g, len(fields))
		}
	})
}

// graph is a model that has learned a GraphQL endpoint from apps.
func graph() *world {
	w := newWorld()
	for i := range 3000 {
		w.send(call{method: "POST", target: "/graphql", client: i % 40, schema: 5,
			json: map[string]string{"query": fmt.Sprintf(`query Q { product(id: %d) { name price reviews { text author { name } } } }`, i)}})
	}
	return w
}

// A field that no app asks for, a query that goes deeper, has more aliases or comes
// in a batch is told; what apps ask is not, whatever its order.
func TestGraphQLDepartures(t *testing.T) {
	w := graph()
	for text, want := range map[string]string{
		`query Q { product(id: 7) { price name } }`:           "",
		`{ product { name } }`:                                "",
		`{ users { mail } }`:                                  "unknown-parameter/likely@graphql:users unknown-parameter/likely@graphql:users.mail",
		`{ product { reviews { author { passwordHash } } } }`: "unknown-parameter/likely@graphql:author.passwordHash",
		`{ a:product{name} b:product{name} c:product{name} d:product{name} e:product{name} f:product{name} g:product{name} h:product{name} i:product{name} j:product{name} k:product{name} }`: "graphql-abuse/hint@graphql:aliases",
	} {
		if got := kindsOf(w.send(call{method: "POST", target: "/graphql", client: 77, status: 400, json: map[string]string{"query": text}})); got != want {
			t.Errorf("%s: got %q; want %q", text, got, want)
		}
	}
	deep := w.send(call{method: "POST", target: "/graphql", client: 77, status: 400, json: map[string]string{"query": `{ product { reviews { author { reviews { author { reviews { text } } } } } } }`}})
	if !slices.ContainsFunc(deep, func(s signal.Signal) bool { return s.Kind == signal.GraphQLAbuse && s.Where == "graphql:depth" }) {
		t.Errorf("7 levels: got %v; want its depth", deep)
	}
}

// What a GraphQL endpoint was asked for is known after a restart.
func TestGraphQLSurvivesARestart(t *testing.T) {
	w := graph()
	var b bytes.Buffer
	if err := w.m.Snapshot(&b); err != nil {
		t.Fatal(err)
	}
	after := New(w.m.options)
	if err := after.Restore(&b); err != nil {
		t.Fatal(err)
	}
	w.m = after
	for text, want := range map[string]string{
		`query Q { product(id: 7) { price name } }`: "",
		`{ users { mail } }`:                        "unknown-parameter/likely@graphql:users unknown-parameter/likely@graphql:users.mail",
	} {
		if got := kindsOf(w.send(call{method: "POST", target: "/graphql", client: 77, status: 400, json: map[string]string{"query": text}})); got != want {
			t.Errorf("%s: got %q; want %q", text, got, want)
		}
	}
}

func TestXMLOperation(t *testing.T) {
	for text, want := range map[string]string{
		`<?xml version="1.0"?><order id="1"/>`: "order",
		`<soap:Envelope xmlns:soap="x"><soap:Header><a:Auth>k</a:Auth></soap:Header><soap:Body><m:GetPrice>`: "GetPrice",
		`<!-- a > b --><a:list>`: "list",
		`<soap:Envelope>`:        "Envelope",
		`no xml`:                 "",
		`<`:                      "",
		``:                       "",
	} {
		if got := xmlOperation(text); got != want {
			t.Errorf("%s: got %q; want %q", text, got, want)
		}
	}
}

// A gRPC method is an endpoint of its own, by its path alone.
func TestGRPCMethodIsAnEndpoint(t *testing.T) {
	w := newWorld()
	for i := range 200 {
		w.send(call{method: "POST", target: "/shop.v1.Orders/Get", client: i % 20})
		w.send(call{method: "POST", target: "/shop.v1.Orders/List", client: i % 20})
	}
	w.wantTemplate(t, "/shop.v1.Orders/Get", "/shop.v1.Orders/Get", true)
	w.wantTemplate(t, "/shop.v1.Orders/Delete", "/shop.v1.Orders/Delete", false)
}

// A SOAP action that nobody calls is told, by its header and by its body.
func TestSOAPAction(t *testing.T) {
	w := newWorld()
	call := func(client int, action string) []signal.Signal {
		r := &request.Request{Site: "api"}
		r.Head = request.Head{Method: "POST", Target: "/soap", Fields: []request.Field{{Name: "Content-Type", Value: "text/xml"}, {Name: "SOAPAction", Value: `"urn:` + action + `"`}}}
		r.Parse()
		id := uint64(client+1) * 0x9e3779b97f4a7c15
		r.Standing.Keys = [3]uint64{id, id ^ 1, id ^ 2}
		w.now = w.now.Add(50 * time.Millisecond)
		w.m.Locate(r)
		w.m.JudgeHead(w.now, r)
		Forget(r)
		w.m.Body(r, []byte(`<s:Envelope><s:Body><m:`+action+`/></s:Body></s:Envelope>`))
		w.m.JudgeBody(w.now, r, 0, 60)
		w.m.Learn(w.now, r, request.Outcome{Answered: true, Status: 200, RequestSize: 60})
		return r.Signals
	}
	for i := range 3000 {
		call(i%40, [2]string{"GetPrice", "ListItems"}[i%2])
	}
	if got := kindsOf(call(77, "ListItems")); got != "" {
		t.Errorf("a known action: got %q", got)
	}
	if got, want := kindsOf(call(77, "DropTables")), "unknown-parameter/likely@soap:urn:DropTables unknown-parameter/likely@xml:DropTables"; got != want {
		t.Errorf("an unknown action: got %q; want %q", got, want)
	}
}
