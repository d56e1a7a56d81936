package listen

import (
	"strconv"

	"bartizan/internal/request"
)

// maxMethod bounds the method that net/http is told. Longer ones are odd enough
// to be told as "X"; the handler reads the real one from the head.
const maxMethod = 32

// appendSynthetic appends the head that net/http gets to see instead of h: the
// method, the version and the framing, and nothing else that a client wrote.
// Neither net/http's own checks nor its cleaning apply to anything we judge.
//
// A head with a fault becomes a request without a body that closes the
// connection: where its body would end is exactly what is in doubt.
func appendSynthetic(b []byte, h *request.Head) []byte {
	if h.Fault != request.Fine {
		method := "GET"
		if h.Method == "HEAD" {
			method = "HEAD" // an answer with a body would be read as the next one
		}
		return append(append(b, method...), " / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"...)
	}
	method := h.Method
	if len(method) > maxMethod {
		method = "X"
	}
	b = append(b, method...)
	b = append(b, " / "...)
	b = append(b, h.Proto...)
	b = append(b, "\r\nHost: x\r\n"...)
	switch {
	case h.Chunked:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	case h.ContentLength >= 0:
		b = append(b, "Content-Length: "...)
		b = strconv.AppendInt(b, h.ContentLength, 10)
		b = append(b, "\r\n"...)
	}
	switch {
	case h.Close:
		b = append(b, "Connection: close\r\n"...)
	case h.Proto == "HTTP/1.0":
		b = append(b, "Connection: keep-alive\r\n"...)
	}
	if h.Expect {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	return append(b, "\r\n"...)
}
