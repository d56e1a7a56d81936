module bartizan/bench/gateway

go 1.26
