package request

import (
	"slices"
	"testing"
)

// The content of a part is visited as it came and as a server reads it that undoes its
// coding; text that happens to look so is visited once.
func TestTransferEncodings(t *testing.T) {
	for _, tt := range []struct {
		coding, content string
		want            []string
	}{
		{"base64", "Jy\r\nBvciAxPTE=", []string{"' or 1=1"}},
		{"BASE64", "aGV5", []string{"hey"}},
		{"quoted-printable", "=3Cscript=\r\n>a=3D=b", []string{"<script>a==b"}},
		{"8bit", "=3Cb>", nil},
		{"binary", "aGV5", nil},
	} {
		body := "--q\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: " + tt.coding + "\r\n\r\n" + tt.content + "\r\n--q--\r\n"
		var got []string
		WalkBody("multipart/form-data; boundary=q", []byte(body), true, new(Scratch), func(v *Value) bool {
			if v.In == InPart {
				got = append(got, string([]byte(v.Text)))
			}
			return true
		})
		if want := append([]string{tt.content}, tt.want...); !slices.Equal(got, want) {
			t.Errorf("%s: got %q; want %q", tt.coding, got, want)
		}
	}
}
