//go:build !race

package openapi

const racing = false
