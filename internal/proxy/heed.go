package proxy

import (
	"net/http"
	"strings"
	"sync"

	"bartizan/internal/engine"
	"bartizan/internal/policy"
	"bartizan/internal/request"
)

// heed finds out what of an answer says something, before it is passed on.
func (x *exchange) heed(resp *http.Response) {
	if x.sending.Reason == policy.Allowed {
		return // nobody learns from it
	}
	x.target = resp.Header.Get("Location")
	x.reads = resp.StatusCode/100 == 2 && request.JSON(x.outcome.ResponseType)
	x.teaches = x.teaching(resp.StatusCode)
	x.keep = x.teaches
	if x.whole && x.mayLogin(resp) {
		x.keep = max(x.keep, request.MaxLoginAnswer)
	}
	if x.coding = strings.Join(resp.Header["Content-Encoding"], ","); x.coding != "" && x.reads {
		x.keep = request.MaxBody
	}
}

// teaching returns how many bytes of the answer say something by themselves: those
// of a good one where the API model does not know the path yet, and the text of an
// error.
func (x *exchange) teaching(status int) int {
	switch {
	case status/100 == 2 && !x.req.Endpoint.PathKnown:
		return request.AnswerPrefix
	case status >= 400 && textual(x.outcome.ResponseType):
		return request.ErrorPrefix
	}
	return 0
}

// textual reports whether people can read the media type.
func textual(t string) bool {
	return t == "" || strings.HasPrefix(t, "text/") || strings.Contains(t, "json") || strings.Contains(t, "xml")
}

// mayLogin reports whether the answer is to be read for what became of a login, and
// notes what its head says of that. Only of a request that was judged whole is known
// whether it is one.
func (x *exchange) mayLogin(resp *http.Response) bool {
	if !x.proxy.options.Engine.MayLogin(&x.req) {
		return false
	}
	x.logs, x.cookies = true, resp.Header["Set-Cookie"]
	return resp.StatusCode/100 == 2 && textual(x.outcome.ResponseType)
}

// entered completes the outcome by what the answer says of a login. It comes before the
// answer is cut to what else is read of it.
func (x *exchange) entered() {
	if !x.logs {
		return
	}
	a := engine.LoginAnswer{Location: x.target, Cookies: x.cookies, Type: x.outcome.ResponseType, Body: x.answer}
	x.proxy.options.Engine.Login(&x.req, &x.outcome, a, &x.scratch)
	x.answer, x.cookies = x.answer[:min(len(x.answer), x.teaches)], nil
}

// hold keeps what of the next piece still fits. What is coded, or of a login, is paid
// for from the budget, of which answers get half: whoever reads slowly must not leave
// others' bodies unread. Beyond that the answer is not read.
func (x *exchange) hold(piece []byte) {
	piece = piece[:min(len(piece), x.keep-len(x.answer))]
	if (x.coding != "" || x.logs) && len(piece) > 0 {
		if p := x.proxy; p.held.Add(int64(len(piece))) > p.options.Budget/2 {
			p.held.Add(-int64(len(piece)))
			x.answer, x.keep, x.reads = x.answer[:0], 0, false
			return
		}
		x.leased += len(piece)
	}
	x.answer = append(x.answer, piece...)
}

// plains are buffers for what is decoded; the pool is the process's.
var plains = sync.Pool{New: func() any { return new([request.MaxBody]byte) }}

// undo decodes what is held of a coded answer, as far as somebody looks at it. It
// comes behind the last piece: what streams is not kept waiting, and one decoder
// does not outlive one call.
func (x *exchange) undo() {
	coding, held, limit := x.coding, x.answer, x.teaches
	if coding == "" {
		return
	}
	most := limit
	if x.logs {
		most = request.MaxLoginAnswer
	}
	if x.coding, x.answer = "", held[:0]; x.reads || x.logs {
		limit = request.MaxBody
	} else if x.outcome.Status >= 400 && !x.proxy.options.Engine.Leaks(&x.req) {
		limit = 0
	}
	if limit == 0 || len(held) == 0 {
		return
	}
	buf := plains.Get().(*[request.MaxBody]byte)
	defer plains.Put(buf)
	plain, err := x.proxy.options.Engine.Decode(&x.told, coding, held, x.reads, buf[:0:limit])
	if err != nil {
		x.proxy.options.Log.Error("engine fault", "reference", x.req.ID, "error", err)
	}
	x.answer = append(x.answer, plain[:min(len(plain), most)]...)
}

// release returns to the budget what was held of the answer.
func (x *exchange) release() {
	x.proxy.held.Add(-int64(x.leased))
	x.leased = 0
}
