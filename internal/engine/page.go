package engine

import (
	"strings"

	"bartizan/internal/request"
)

// isPage reports whether a page was answered to a window, as far as that is said.
func isPage(r *request.Request, o request.Outcome) bool {
	if o.Status != 200 || o.ResponseType != "text/html" || r.Head.Method != "GET" {
		return false
	}
	dest := r.Header("Sec-Fetch-Dest")
	return (dest == "" || dest == "document") && r.Header("Sec-Purpose") == ""
}

// assets are the endings of files that belong to pages.
var assets = [...]string{".css", ".js", ".mjs", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".avif", ".ico", ".woff", ".woff2", ".ttf"}

// isAsset reports whether something was asked for that belongs to a page: a style, a
// script, a picture, a font, whatever became of it.
func isAsset(r *request.Request, o request.Outcome) bool {
	if request.Silent(o.ResponseType) {
		return true
	}
	dot := strings.LastIndexByte(r.Path, '.')
	if dot < 0 || len(r.Path)-dot > 6 {
		return false
	}
	for _, a := range assets {
		if strings.EqualFold(r.Path[dot:], a) {
			return true
		}
	}
	return false
}
