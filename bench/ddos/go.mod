module bartizan/bench/ddos

go 1.26
