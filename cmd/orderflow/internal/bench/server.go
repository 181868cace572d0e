package bench

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// LocalServer is a server's process on this machine.
type LocalServer struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// ClockTicks are the units of processor time in /proc, a second's worth: what
// Linux tells programs, whatever its own clock does.
const ClockTicks = 100

// ServerOf returns the process that listens where a store is, as its name says
// it: HOST:PORT and perhaps more. It is nil if the store is several nodes, or not
// on this machine, or if the process cannot be seen: it belongs to another user,
// or runs in a container behind a proxy.
func ServerOf(store string) *LocalServer {
	address, _, _ := strings.Cut(store, " ")
	host, port, err := net.SplitHostPort(address)
	if err != nil || strings.Contains(address, ",") || host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil
	}
	pid, ok := processOf(listening(uint16(n)))
	if !ok {
		return nil
	}
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil {
		return nil
	}
	return &LocalServer{PID: pid, Name: strings.TrimSpace(string(name))}
}

// listening returns the sockets that listen on a port, by the links that
// processes have to them.
func listening(port uint16) map[string]bool {
	const listens = "0A" // the state, see proc_net_tcp(5)
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, err := os.ReadFile(table)
		if err != nil {
			continue // not Linux, or no IPv6
		}
		for line := range strings.Lines(string(data)) {
			fields := strings.Fields(line) // sl local remote state queues timer retransmits uid timeout inode
			if len(fields) > 9 && fields[3] == listens && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", port)) {
				sockets["socket:["+fields[9]+"]"] = true
			}
		}
	}
	return sockets
}

// processOf returns a process that has one of some sockets open.
func processOf(sockets map[string]bool) (pid int, ok bool) {
	if len(sockets) == 0 {
		return 0, false
	}
	files, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return 0, false
	}
	for _, f := range files {
		if link, err := os.Readlink(f); err == nil && sockets[link] {
			pid, err := strconv.Atoi(strings.Split(f, "/")[2])
			return pid, err == nil
		}
	}
	return 0, false
}

// CPU returns the processor time that the server has used; 0 if it cannot be told.
func (s *LocalServer) CPU() time.Duration {
	if s == nil {
		return 0
	}
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(data, []byte(") ")) // the name may hold anything else
	fields := strings.Fields(string(rest))       // from the third on, see proc_pid_stat(5)
	if !ok || len(fields) < 13 {
		return 0
	}
	var ticks int64
	for _, f := range fields[11:13] { // in user mode, in the kernel
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ClockTicks
}

// OwnCPU returns the processor time that this process has used.
func OwnCPU() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
