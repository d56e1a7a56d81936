// Command botnet plays the plans of bench/botnet through the engine, in virtual
// time and with verdicts carried out, and prints how each botnet was found and
// stopped and whom else that hit: mean and worst over several seeds.
//
//	go run ./bench/botnet [-seeds N] [-v] [PLAN...]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	seeds := flag.Int("seeds", 3, "how many seeds to play each plan with")
	first := flag.Int("first", 1, "the first of them")
	verbose := flag.Bool("v", false, "print campaigns and signatures")
	long := flag.Bool("long", false, "play the plans that take many minutes too (*.long.yaml)")
	flag.Parse()
	files := flag.Args()
	if len(files) == 0 {
		all, err := filepath.Glob("bench/botnet/*.yaml")
		if err != nil {
			fail(err)
		}
		for _, f := range all {
			if *long || !strings.HasSuffix(f, ".long.yaml") {
				files = append(files, f)
			}
		}
	}
	fmt.Println(header)
	for _, f := range files {
		var rows []result
		for seed := *first; seed < *first+*seeds; seed++ {
			r, err := play(f, uint64(seed), *verbose)
			if err != nil {
				fail(fmt.Errorf("%s: %w", f, err))
			}
			rows = append(rows, r)
		}
		fmt.Println(line(strings.TrimSuffix(filepath.Base(f), ".yaml"), rows))
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
