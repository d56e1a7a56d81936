module bartizan/bench/tarpit

go 1.26
