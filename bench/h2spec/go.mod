module bartizan/bench/h2spec

go 1.26
