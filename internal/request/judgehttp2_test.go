package request

import (
	"strings"
	"testing"
)

func TestJudgeHTTP2(t *testing.T) {
	for _, tc := range []struct {
		method, target, host string
		fields               []Field
		want                 Fault
	}{
		{"GET", "/a?b", "a.example", fields("accept", "*/*", "te", "trailers", "host", "a.example"), Fine},
		{"POST", "/", "a", fields("content-length", "5"), Fine},
		{"OPTIONS", "*", "a", nil, Fine},
		{"CONNECT", "a:443", "a:443", nil, FaultConnect},
		{"GET / HTTP/1.1", "/", "a", nil, FaultRequestLine},
		{"", "/", "a", nil, FaultRequestLine},
		{"GET", "/ HTTP/1.1", "a", nil, FaultRequestLine},
		{"GET", "", "a", nil, FaultRequestLine},
		{"GET", "http://b/", "a", nil, FaultRequestLine},
		{"GET", "/" + strings.Repeat("x", 5<<10), "a", nil, FaultTargetTooLong},
		{"GET", "/", "", nil, FaultHostMissing},
		{"GET", "/", "u@a", nil, FaultHostInvalid},
		{"GET", "/", "a", fields("host", "b"), FaultHostDuplicate},
		{"POST", "/", "a", fields("transfer-encoding", "chunked"), FaultCodingInvalid},
		{"POST", "/", "a", fields("content-length", "5", "content-length", "6"), FaultLengthDuplicate},
		{"POST", "/", "a", fields("content-length", "0x5"), FaultLengthInvalid},
		{"GET", "/", "a", fields("connection", "content-length"), FaultFieldName},
		{"GET", "/", "a", fields("upgrade", "h2c"), FaultFieldName},
		{"GET", "/", "a", fields("te", "gzip"), FaultFieldName},
		{"GET", "/", "a", fields("a b", "c"), FaultFieldName},
		{"GET", "/", "a", fields("x", "a\nb"), FaultFieldValue},
		{"GET", "/", "a", fields("x", strings.Repeat("y", 9<<10)), FaultHeadTooLarge},
		{"GET", "/", "a", make([]Field, 51), FaultFieldName},
	} {
		h := Head{Method: tc.method, Target: tc.target, Host: tc.host, Fields: tc.fields}
		if JudgeHTTP2(&h, wide); h.Fault != tc.want {
			t.Errorf("%s %.30s %s %.60v: got fault %v; want %v", tc.method, tc.target, tc.host, tc.fields, h.Fault, tc.want)
		}
	}
	h := Head{Method: "POST", Target: "/", Host: "a", Fields: fields("content-length", "5")}
	if JudgeHTTP2(&h, wide); h.ContentLength != 5 || h.Upgrade {
		t.Errorf("got %+v; want length 5", h)
	}
}
