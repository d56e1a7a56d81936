package fingerprint

import "strings"

// System is an operating system as a User-Agent names it. The zero value is
// unknown.
type System uint8

// The systems.
const (
	UnknownSystem System = iota
	Windows
	MacOS
	IOS
	Android
	Linux
	ChromeOS
	Systems = iota
)

var systemNames = [Systems]string{"unknown", "windows", "macos", "ios", "android", "linux", "chromeos"}

// String returns the system's name in lower case.
func (s System) String() string {
	if int(s) < len(systemNames) {
		return systemNames[s]
	}
	return systemNames[UnknownSystem]
}

// systemTokens are tried in order: Android calls itself Linux too.
var systemTokens = [...]struct {
	token  string
	system System
}{
	{"Windows", Windows}, {"Android", Android}, {"android", Android}, {"iPhone", IOS}, {"iPad", IOS}, {"iOS", IOS}, {"Macintosh", MacOS}, {"Darwin", MacOS},
	{"CrOS", ChromeOS}, {"Linux", Linux}, {"linux", Linux},
}

// SystemOf returns the system that a User-Agent claims.
func SystemOf(ua string) System {
	ua = ua[:min(len(ua), maxAgent)]
	for _, t := range systemTokens {
		if strings.Contains(ua, t.token) {
			return t.system
		}
	}
	return UnknownSystem
}
