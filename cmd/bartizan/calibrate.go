package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"bartizan/internal/eval"
	"bartizan/internal/replay"
	"bartizan/internal/scenario"
)

type calibrateCommand struct {
	Compare string   `help:"Compare with the table in this file; differences fail." type:"path" placeholder:"FILE"`
	Files   []string `arg:"" help:"Scenario files, or labelled recordings."`
}

// Run prints what each signal weighs on labelled traffic, beside what is shipped.
func (c *calibrateCommand) Run() error {
	var b bytes.Buffer
	if err := calibrate(&b, c.Files); err != nil {
		return err
	}
	if c.Compare == "" {
		_, err := os.Stdout.Write(b.Bytes())
		return err
	}
	committed, err := os.ReadFile(c.Compare)
	if err != nil {
		return fmt.Errorf("comparing: %w", err)
	}
	if !bytes.Equal(committed, b.Bytes()) {
		return errors.New("the weights measured differ from " + c.Compare + "; hint: make calibrate-risk, and review what changed")
	}
	return nil
}

const weightsHead = `# What signals weigh

Made by ` + "`make calibrate-risk`" + ` from the scenario files; a test holds that it is what the tool prints. **Nothing applies it**: the weights in
` + "`internal/signal/kind.go`" + ` (shipped) are changed by hand, with this table at hand. Weights are in nats: the logarithm of how much likelier the signal is to be present in an
hour of an attacker than in one of a good client, with a Beta(1,1) prior on both. Scenarios show each attack a few times, whatever it is worth in
the wild: a weight measured as lower than shipped says little, one that good clients show much. Of each label in a scenario a hundred clients count.

`

// calibrate measures signals on labelled traffic, with nothing enforced: what is
// refused would show no outcome.
func calibrate(w io.Writer, files []string) error {
	m := &measured{risk: eval.NewRisk()}
	next := make(chan string, len(files))
	for _, file := range files {
		next <- file
	}
	close(next)
	errs := make(chan error, len(files))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for file := range next {
				if err := measureRisk(m, file); err != nil {
					errs <- fmt.Errorf("calibrating by %s: %w", file, err)
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return err
	default:
	}
	if _, err := io.WriteString(w, weightsHead); err != nil {
		return err
	}
	return m.risk.Write(w)
}

// measured is a measurement that several replays add to.
type measured struct {
	mu   sync.Mutex
	risk *eval.Risk
}

// mostOfOne is how many clients of a label in a scenario count: thousands of bots of one
// program show no more than a hundred.
const mostOfOne = 100

func measureRisk(m *measured, file string) error {
	name := filepath.Base(file)
	if filepath.Ext(file) != ".txtar" {
		in, err := replay.Open(file)
		if err != nil {
			return err
		}
		defer in.Close()
		return replayRisk(m, name, "", in, nil)
	}
	s, err := scenario.Read(file)
	if err != nil {
		return err
	}
	policy, remove, err := policyFile(s.Policy)
	if err != nil {
		return err
	}
	defer remove()
	clients := make(map[string]string, len(s.Lines))
	for i := range s.Lines {
		clients[s.Lines[i].ID] = s.Lines[i].Client + "/" + s.Lines[i].Conn
	}
	var traffic bytes.Buffer
	if err := s.Write(&traffic); err != nil {
		return err
	}
	return replayRisk(m, name, policy, &traffic, clients)
}

// replayRisk replays traffic. Where clients does not name a request's, it is the
// attacker record's.
func replayRisk(m *measured, name, policy string, in io.Reader, clients map[string]string) error {
	e, err := replayEngine(policy, false, 1)
	if err != nil {
		return err
	}
	seen := map[string]map[string]bool{}
	return replay.Run(e, in, func(v replay.Verdict) error {
		who := clients[v.ID]
		if who == "" {
			who = v.Attacker
		} else if of := seen[v.Label]; of == nil {
			seen[v.Label] = map[string]bool{who: true}
		} else if !of[who] && len(of) >= mostOfOne {
			return nil
		} else {
			of[who] = true
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.risk.Add(name, who, v)
		return nil
	})
}

// policyFile writes a scenario's configuration where it can be loaded from.
func policyFile(policy []byte) (name string, remove func(), err error) {
	if len(policy) == 0 {
		return "", func() {}, nil
	}
	dir, err := os.MkdirTemp("", "bartizan")
	if err != nil {
		return "", nil, fmt.Errorf("writing policy: %w", err)
	}
	name = filepath.Join(dir, "policy.yaml")
	if err := os.WriteFile(name, policy, 0o600); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return name, func() { os.RemoveAll(dir) }, nil
}
