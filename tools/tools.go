//go:build tools

// Package tools pins the linters in a module of their own, so that the product's
// module stays small.
package tools

import (
	_ "github.com/mgechev/revive"
	_ "github.com/polyfloyd/go-errorlint"
	_ "honnef.co/go/tools/cmd/staticcheck"
)
