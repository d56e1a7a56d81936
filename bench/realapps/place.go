package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// place is where one application runs: a folder and processes that end with it.
type place struct {
	options
	ctx       context.Context
	root      string // of all places
	dir       string
	port      int
	processes []*exec.Cmd
}

// file writes a file of the place and returns its path.
func (p *place) file(name, text string) (string, error) {
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("writing a file: %w", err)
	}
	return path, nil
}

// copyTree copies a tree, links followed, so that nothing outside is written to.
// Links that lead nowhere, which packages have for their own configuration, are left
// out.
func (p *place) copyTree(from, to string) (string, error) {
	path := filepath.Join(p.dir, to)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("making a folder: %w", err)
	}
	out, err := p.command("", []string{"LC_ALL=C"}, "cp", "-rL", from, path)
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "No such file or directory") {
			return "", err
		}
	}
	return path, nil
}

// serve starts a process in a group of its own and waits until port answers.
func (p *place) serve(port int, dir string, env []string, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = dir, append(environment(), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := os.OpenFile(filepath.Join(p.dir, filepath.Base(name)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY,
		0o600)
	if err != nil {
		return fmt.Errorf("opening a log: %w", err)
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", name, err)
	}
	p.processes = append(p.processes, cmd)
	address := "127.0.0.1:" + strconv.Itoa(port)
	for range 600 {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			c.Close()
			return nil
		}
		if p.ctx.Err() != nil {
			return fmt.Errorf("starting %s: %w", name, p.ctx.Err())
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(out.Name())
	return fmt.Errorf("%s does not listen on %s after a minute: %s", name, address, last(string(text)))
}

// command runs a program to its end, at most a minute, and returns what it says.
func (p *place) command(dir string, env []string, name string, args ...string) (string, error) {
	return p.within(time.Minute, dir, env, name, args...)
}

func (p *place) within(limit time.Duration, dir string, env []string, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Dir, cmd.Env = dir, append(environment(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s: %w: %s", filepath.Base(name), err, last(out.String()))
	}
	return out.String(), nil
}

// end ends the processes of the place, the newest first, each by its own group.
func (p *place) end() {
	for i := len(p.processes) - 1; i >= 0; i-- {
		cmd := p.processes[i]
		done := make(chan struct{})
		go func() { cmd.Wait(); close(done) }()
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		select {
		case <-done:
		case <-time.After(10 * time.Second):
		}
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what is left of the group
		<-done
	}
	p.processes = nil
}

// modules returns the folder of the npm packages, and installs them if nobody said
// where they are.
func (p *place) modules() (string, error) {
	dir, err := filepath.Abs(p.npm)
	if err != nil {
		return "", fmt.Errorf("finding npm packages: %w", err)
	}
	if p.npm == "" {
		dir = filepath.Join(p.root, "npm")
		if _, err := os.Stat(dir); err == nil { // another application has installed them
			return filepath.Join(dir, "node_modules"), nil
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("making a folder: %w", err)
		}
		if _, err := p.command("", nil, "cp", "bench/realapps/npm/package.json", dir); err != nil {
			return "", err
		}
		if _, err := p.within(10*time.Minute, dir, nil, "npm", "install", "--no-audit", "--no-fund"); err != nil {
			return "", missingError{need{"the packages of bench/realapps/npm", err.Error()}}
		}
	}
	return filepath.Join(dir, "node_modules"), nil
}

// freePort returns a port of loopback that nobody listens on.
func freePort() int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// last returns the last lines of a text, 400 bytes at most.
func last(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 400 {
		s = "…" + s[len(s)-400:]
	}
	return s
}

// environment is ours without what would send clients of loopback elsewhere.
func environment() []string {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "AWS_") ||
			strings.HasPrefix(s, "RCLONE_")
	})
	return append(env, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost")
}
