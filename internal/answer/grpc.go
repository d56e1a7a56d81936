package answer

import (
	"net/http"
	"strconv"
	"strings"
)

// Status codes of gRPC (google.golang.org/grpc/codes), as far as we answer with them.
const (
	grpcInvalidArgument   = 3
	grpcPermissionDenied  = 7
	grpcResourceExhausted = 8
	grpcUnimplemented     = 12
	grpcInternal          = 13
	grpcUnavailable       = 14
	grpcUnauthenticated   = 16
)

// GRPC returns r as a client of gRPC understands it: a head alone with status 200,
// grpc-status and grpc-message ("Trailers-Only" in the specification of gRPC over
// HTTP/2). contentType is the request's. Any other answer is to such a client an
// internal error without words, which it does not know how to retry.
//
// What else the answer tells in fields stays: the reference, Retry-After, a
// challenge. grpc-retry-pushback-ms repeats Retry-After for clients that heed it.
func GRPC(r Response, contentType string) Response {
	out := Response{Status: http.StatusOK, Close: r.Close, GRPC: grpcStatus(r.Status), detail: r.detail}
	reference := ""
	for _, f := range r.Header {
		switch f[0] {
		case "Content-Type", "Content-Security-Policy", "Allow", "Vary", "Content-Encoding":
			continue
		case "Bartizan-Reference":
			reference = " Reference: " + f[1]
		case "Retry-After":
			if seconds, err := strconv.Atoi(f[1]); err == nil {
				out.Header = append(out.Header, [2]string{"Grpc-Retry-Pushback-Ms", strconv.Itoa(seconds * 1000)})
			}
		}
		out.Header = append(out.Header, f)
	}
	kind, _, _ := strings.Cut(contentType, ";")
	out.Header = append(out.Header, [2]string{"Content-Type", strings.TrimSpace(kind)},
		[2]string{"Grpc-Status", strconv.Itoa(out.GRPC)}, [2]string{"Grpc-Message", percent(r.detail + reference)})
	return out
}

// grpcStatus returns the gRPC status that says what an HTTP status of ours does.
func grpcStatus(status int) int {
	switch status {
	case 400, 408, 413, 414, 415, 422, 431:
		return grpcInvalidArgument
	case 401:
		return grpcUnauthenticated
	case 403:
		return grpcPermissionDenied
	case 404, 405, 501, 505:
		return grpcUnimplemented
	case 429:
		return grpcResourceExhausted
	case 502, 503, 504:
		return grpcUnavailable
	}
	return grpcInternal
}

// percent encodes s as grpc-message wants it: printable ASCII but '%' stays.
func percent(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= ' ' && c <= '~' && c != '%' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
