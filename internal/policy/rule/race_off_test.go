//go:build !race

package rule

const racing = false
