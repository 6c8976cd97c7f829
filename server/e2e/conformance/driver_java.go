package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

// javaVersions are the versions of com.alibaba.nacos:nacos-client that are run,
// each a profile of drivers/java/pom.xml: the last that speaks HTTP, the first
// line that speaks gRPC, the last 2.x and the last 3.1.
var javaVersions = []string{"1.4.8", "2.0.4", "2.5.1", "3.1.1"}

// javaDriver is one version of the Java client.
type javaDriver struct {
	version string
	source  string // drivers/java
	java    string
	workDir string
}

func javaDrivers(sources string) []Driver {
	var all []Driver
	for _, v := range javaVersions {
		all = append(all, &javaDriver{version: v, source: filepath.Join(sources, "java")})
	}
	return all
}

func (d *javaDriver) Name() string { return "java-" + d.version }

// Limits are of the one version.
func (d *javaDriver) Limits() map[string]string {
	if d.version != "2.0.4" {
		return nil
	}
	return map[string]string{serverForgets: "the library mixes up the service and its group as it unsubscribes"}
}

// mavenRuns keeps the builds of different versions from writing to Maven's
// repository at once, which it does not expect of several processes.
var mavenRuns sync.Mutex

// Build lets Maven fetch the client and compile the driver. What Maven fetches
// is in a repository beside workDir, which all versions share.
func (d *javaDriver) Build(ctx context.Context, workDir string) (err error) {
	d.workDir = workDir
	if d.java, err = need("java"); err != nil {
		return err
	}
	mvn, err := need("mvn")
	if err != nil {
		return err
	}
	// What earlier clients kept of the lists they were told.
	if err := os.RemoveAll(d.home()); err != nil {
		return err
	}
	return onlyIfChanged(d.source, filepath.Join(workDir, "built"), func() error {
		mavenRuns.Lock()
		defer mavenRuns.Unlock()
		run := func(args ...string) error {
			return tool(ctx, d.source, []string{"MAVEN_OPTS=-Xmx256m"}, mvn, append(args, "-B", "-q", "-P"+d.version,
				"-Dmaven.repo.local="+filepath.Join(filepath.Dir(workDir), "maven"), "-DbuildDirectory="+workDir)...)
		}
		// What cannot be fetched is the registry's failure, and what does not
		// compile after that is ours.
		if err := run("dependency:resolve", "dependency:resolve-plugins"); err != nil {
			return missing(err)
		}
		return run("--offline", "process-classes")
	})
}

// home is where the client finds the user's directory, to which it writes.
func (d *javaDriver) home() string { return filepath.Join(d.workDir, "home") }

func (d *javaDriver) Command() *exec.Cmd {
	classes := filepath.Join(d.workDir, "classes")
	libraries := filepath.Join(d.workDir, "lib", "*")
	// Many of these run at once, each for seconds: small and soon started counts.
	return exec.Command(d.java, "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Duser.home="+d.home(), "-cp", classes+string(os.PathListSeparator)+libraries, "conformance.Main")
}
