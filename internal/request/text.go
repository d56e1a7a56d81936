package request

import "unicode/utf8"

// walkText visits s in pieces that overlap a little, so that nothing hides in a seam.
func (w *walker) walkText(in Location, key, s string) {
	const overlap = 256
	for {
		n := min(len(s), maxTextValue)
		for n < len(s) && n > maxTextValue-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		if !w.give(in, key, s[:n]) || n == len(s) {
			return
		}
		s = s[n-overlap:]
	}
}
