package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// graphql is a server of graphql-yoga, used as its page does it and with curl.
func graphql() app {
	return app{
		name:  "graphql",
		needs: []need{{"node", "Node 20"}, {"npm", "Node 20 with npm"}, {"curl", "apt-get install curl"}},
		start: func(p *place) error {
			modules, err := p.modules()
			if err != nil {
				return err
			}
			server, err := p.file("server.cjs", strings.ReplaceAll(yogaServer, "MODULES", modules))
			if err != nil {
				return err
			}
			return p.serve(p.port, "", []string{fmt.Sprint("PORT=", p.port)}, "node", server)
		},
		use: useGraphQL,
	}
}

const yogaServer = `const { createServer } = require('http');
const { createYoga, createSchema } = require('MODULES/graphql-yoga');
const posts = [];
createServer(createYoga({ schema: createSchema({
  typeDefs: 'scalar JSON type Post { id: ID! title: String! body: String! tags: [String!] } ' +
    'input Where { or: [Where!] title: String contains: String } ' +
    'type Query { posts(where: Where, first: Int = 10): [Post!]! post(id: ID!): Post search(q: String!): [Post!]! } ' +
    'type Mutation { addPost(title: String!, body: String!, tags: [String!]): Post! }',
  resolvers: {
    Query: { posts: () => posts, post: (_, a) => posts[a.id - 1],
      search: (_, a) => posts.filter(p => p.title.includes(a.q)) },
    Mutation: { addPost: (_, a) => { const p = { id: posts.length + 1, ...a }; posts.push(p); return p } },
  } }) })).listen(+process.env.PORT, '127.0.0.1');
`

// introspection is what clients ask before anything else.
const introspection = `query IntrospectionQuery { __schema { queryType { name } mutationType { name }
  types { ...FullType } directives { name locations args { ...InputValue } } } }
fragment FullType on __Type { kind name fields(includeDeprecated: true) { name args { ...InputValue }
  type { ...TypeRef } } inputFields { ...InputValue } }
fragment InputValue on __InputValue { name type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name } } }`

func useGraphQL(f *flow) {
	b := newBrowser(f)
	f.step("open the page", func() (string, error) {
		return b.page("/graphql")
	})
	ask := func(name, query string, variables map[string]any) {
		f.step(name, func() (string, error) {
			body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
			if err != nil {
				return "", fmt.Errorf("writing a query: %w", err)
			}
			a, err := b.fetch("POST", "/graphql", "application/json", string(body), "Accept",
				"application/json, multipart/mixed")
			return fmt.Sprint(a.status, " ", strings.Contains(a.body, `"errors"`)), err
		})
	}
	ask("introspection", introspection, nil)
	const add = "mutation Add($title: String!, $body: String!, $tags: [String!]) { addPost(title: $title, body: " +
		"$body, tags: $tags) { id title } }"
	for i, text := range honestTexts {
		ask(fmt.Sprint("add ", i), add, map[string]any{"title": text[0], "body": text[1], "tags": []string{"it's",
			"c++ & more", "50%; off"}})
	}
	ask("filter", "query($where: Where) { posts(where: $where) { id title } }",
		map[string]any{"where": map[string]any{"or": []any{map[string]any{"title": "O'Neil"},
			map[string]any{"contains": "<b>"}}}})
	ask("inline", "{ search(q: \"select * from t; -- it's\") { id } a: posts(first: 2) { title } # all\n }", nil)
	ask("several", "query A { posts { id } } query B { post(id: 1) { body } }", nil)
	f.step("get", func() (string, error) {
		return f.curl("-G", "--data-urlencode", "query={ search(q: \"union select\") { id title } }", f.base+"/graphql")
	})
	f.step("get with variables", func() (string, error) {
		return f.curl("-G", "--data-urlencode", "query=query($id: ID!) { post(id: $id) { title } }", "--data-urlencode",
			`variables={"id":"1"}`, f.base+"/graphql")
	})
	f.step("batch by curl", func() (string, error) {
		return f.curl("-H", "Content-Type: application/graphql", "--data-binary", "{ posts { id title body } }",
			f.base+"/graphql")
	})
}

// curl runs curl and returns the status.
func (f *flow) curl(args ...string) (string, error) {
	return f.command("", nil, "curl", append([]string{"-sS", "-o", filepath.Join(f.work, "curl.out"), "-w",
		"%{http_code}"}, args...)...)
}

// honestTexts are titles and texts as people write them in blogs, wikis and
// questions.
var honestTexts = [][2]string{
	{"Tips & more", "<p>Recipes, tips &amp; more &#8211; it&#39;s time; mail us &gt; here</p>"},
	{"How to read a log", "Run `tail -f /var/log/syslog | grep error`; then $(date) and `cat /etc/hosts`."},
	{"SQL for beginners", "<pre>SELECT * FROM users WHERE id = 1 OR 1=1 UNION SELECT 1, 2 -- all</pre>"},
	{"Conor O'Neil's \"50%\" sale; select styles", "Buy 1, get 1 -- don't wait & drop by; union members select their " +
		"own."},
	{"XSS explained", "An attacker writes &lt;script&gt;alert(1)&lt;/script&gt; or <code>&lt;img " +
		"onerror=...&gt;</code>; escape it."},
	{"Install", "curl -s https://get.example.test | sh\nsudo apt update && sudo apt upgrade -y; reboot"},
	{"Templates", "Write {{ user.name }} or ${user.name} or <%= user.name %>; {{#if a}}b{{/if}}"},
	{"Äpfel & Öl – «été» – 日本語", "Straße; d'Arc; l'été; naïve – „so“; 1 < 2 && 3 > 2"},
}
