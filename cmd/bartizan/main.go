// Command bartizan protects HTTP APIs: it stands before them, judges who sends
// what, and stops attackers.
package main

import (
	"fmt"
	"os"
	"runtime/debug"

	"github.com/alecthomas/kong"
)

// commands are the sub-commands; kong reads their flags from the tags.
type commands struct {
	Run            runCommand            `cmd:"" help:"Protect an API."`
	Check          checkCommand          `cmd:"" help:"Check a configuration file and print what is in force."`
	Demo           demoCommand           `cmd:"" help:"Show the gateway at work before a sample API, with visitors and attackers."`
	Replay         replayCommand         `cmd:"" help:"Judge recorded traffic."`
	Eval           evalCommand           `cmd:"" help:"Measure the payload detector on labelled requests."`
	CalibrateRisk  calibrateCommand      `cmd:"" help:"Measure what signals weigh on labelled traffic." hidden:""`
	Simulate       simulateCommand       `cmd:"" help:"Write the traffic of a scenario file."`
	Report         reportCommand         `cmd:"" help:"Say whom enforcing would have refused, why, and whether it is safe to enforce."`
	Explain        explainCommand        `cmd:"" help:"Say why a request was judged as it was."`
	ExplainAddress explainAddressCommand `cmd:"" help:"Say what is known of an address."`
	Attackers      attackersCommand      `cmd:"" help:"List the riskiest clients."`
	Evidence       evidenceCommand       `cmd:"" help:"Which evidence known attackers and known good clients give here."`
	Campaigns      campaignsCommand      `cmd:"" help:"List the botnets found."`
	Signatures     signaturesCommand     `cmd:"" help:"List botnet signatures, or approve, hold, retire, pin or unpin one."`
	API            apiCommand            `cmd:"" name:"api" help:"What has been learned of the APIs."`
	Rules          rulesCommand          `cmd:"" help:"Try rules and virtual patches on recorded traffic."`
	Unblock        unblockCommand        `cmd:"" help:"Clear an address or a named attacker."`
	PassAll        passAllCommand        `cmd:"" help:"Break-glass: let everything pass for a time, while judging goes on."`
	Selftest       selftestCommand       `cmd:"" help:"Send a marked harmless attack through the running gateway and show the verdict."`
	Completion     completionCommand     `cmd:"" help:"Print the script that has a shell complete commands and flags."`
	Help           helpCommand           `cmd:"" help:"Explain a command."`
	Version        versionCommand        `cmd:"" help:"Print the version; also --version."`
}

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line and returns the exit code: 0 done, 1 failed,
// 2 misused.
func run(args []string) int {
	var c commands
	parser, err := kong.New(&c, kong.Name("bartizan"), kong.Description("Self-hosted API and bot protection."), kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(os.Stderr, "bartizan:", err)
		return 2
	}
	switch {
	case len(args) == 0:
		args = []string{"--help"}
	case args[0] == "--version" || args[0] == "-v":
		args = []string{"version"}
	case args[0] == "help":
		args = append(args[1:len(args):len(args)], "--help")
	}
	ctx, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bartizan:", err)
		return 2
	}
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bartizan:", err)
		return 1
	}
	return 0
}

type versionCommand struct{}

// Run prints module version and revision, as the build knows them.
func (versionCommand) Run() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		fmt.Println("bartizan (unknown build)")
		return nil
	}
	revision := ""
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = " " + s.Value
		}
	}
	fmt.Printf("bartizan %s%s %s\n", info.Main.Version, revision, info.GoVersion)
	return nil
}
