package request

import "strconv"

// grpcMeanings are the HTTP statuses that gRPC's codes mean (google/rpc/code.proto).
// What ends early is nobody's fault, a method that is not there is a missing path
// (gRPC's own mapping of HTTP statuses).
var grpcMeanings = [...]int{200, 504, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 404, 500, 503, 500, 401}

// GRPCCode reads a grpc-status; 2 (unknown) if it is none.
func GRPCCode(s string) int {
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil || int(n) >= len(grpcMeanings) {
		return 2
	}
	return int(n)
}

// Meant returns the status that the answer means: HTTP's, but for a gRPC answer,
// which is 200 whatever it says.
func (o *Outcome) Meant() int {
	if o.Status != 200 || o.GRPC <= 0 {
		return o.Status
	}
	return grpcMeanings[min(o.GRPC, len(grpcMeanings)-1)]
}
