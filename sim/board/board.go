// Package board runs one virtual board: QEMU with a disk image, a serial
// console and a way to run commands inside the guest.
//
// # Guarantee
//
// Every event (a console line, the guest's agent saying hello, power switched)
// is kept in one ordered [Log]. A guest that neither prints nor shows a sign
// of life for [Config.Silence] fails whoever waits for it with [ErrSilent]:
// silence is never taken for success. The emulator does not outlive the
// program, whatever ends it.
//
// # Not guaranteed
//
// [Board.PowerCut] is SIGKILL to QEMU. What the guest had not yet written to
// its disk is lost, as on real hardware; but what QEMU had written stays in
// the host's page cache and is never lost, torn or reordered. A disk that
// loses or tears completed writes is the business of the packages powercut,
// which works from a [Config.WriteLog], and cutdisk. Time is the host's: an
// emulated processor on a busy host is slow.
package board

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"abota/sim/parts"
)

// Config says what the board consists of.
type Config struct {
	Parts parts.Set
	// Disk is the raw image of its only disk.
	Disk string
	// Vars is the file with the UEFI's variables, which outlive power cuts; for
	// boards that have a UEFI. It is written to.
	Vars string
	// VarsAt is where in the Disk's file the variables are instead, in bytes; the
	// disk ends there. What is written to them is in the WriteLog then, too.
	VarsAt int64
	// Dir is an existing folder for the board's sockets. Its path must be
	// short: a socket's path may have about 100 bytes.
	Dir string
	// Memory is in MiB, DefaultMemory when zero.
	Memory int
	// Silence is how long a guest may show no sign of life, DefaultSilence
	// when zero, and twice that on a board with a UEFI.
	Silence time.Duration
	// Clock is what the board's clock says whenever it is switched on; the
	// host's time when zero.
	Clock time.Time
	// Console receives the raw serial output as it comes, when not nil.
	Console io.Writer
	// WriteLog, when not empty, is the file in which QEMU notes every write,
	// flush and discard that reaches the disk from power-on on, the boot
	// loader's too, in the format of the kernel's dm-log-writes. A power-on
	// begins it anew.
	WriteLog string
}

// Defaults of Config. A guest beats every two seconds; the long silence is
// for emulation on busy hosts.
const (
	DefaultMemory  = 512
	DefaultSilence = 60 * time.Second
)

// Errors of a board.
var (
	ErrSilent   = errors.New("the guest is silent")
	ErrOff      = errors.New("the board is off")
	ErrRestarts = errors.New("the guest restarted")
)

// Board is a virtual board, off at first.
type Board struct {
	cfg Config
	log *Log

	mu    sync.Mutex
	emu   *emulator
	agent net.Conn
	ready bool
	asked int
	// served is the socket of DiskFrom.
	served string
	kernel Kernel
}

// Kernel is what a board starts in place of its own boot loader.
type Kernel struct{ Image, Initrd, Arguments string }

// StartFrom has the board start a kernel of the host, as a board is started by its
// factory, from the next power-on on; its own boot loader again with the zero
// Kernel.
func (b *Board) StartFrom(k Kernel) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kernel = k
}

// New returns a board that is off.
func New(cfg Config) *Board {
	if cfg.Memory == 0 {
		cfg.Memory = DefaultMemory
	}
	if cfg.Silence == 0 {
		cfg.Silence = DefaultSilence
		if cfg.Parts.Board.Firmware != nil {
			cfg.Silence *= 2 // it says little, and what it starts by itself nothing
		}
	}
	return &Board{cfg: cfg, log: newLog(cfg.Silence)}
}

// Log is everything that was seen of the board.
func (b *Board) Log() *Log { return b.log }

// PowerOn starts the board on its disk.
func (b *Board) PowerOn(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.emu != nil {
		return errors.New("cannot switch the board on because it is on")
	}
	port, err := listen(ctx, filepath.Join(b.cfg.Dir, "agent"))
	if err != nil {
		return err
	}
	defer port.Close()
	if err := b.beginWriteLog(); err != nil {
		return err
	}
	argv := b.commandLine(true)
	b.log.add(PowerOn, "power on")
	emu, err := startEmulator(argv, b.consoleSink())
	if err != nil {
		b.log.add(PowerOff, "power off")
		return err
	}
	agent, err := accept(port, emu)
	if err != nil {
		emu.kill()
		b.log.add(PowerOff, "power off")
		return fmt.Errorf("start QEMU: %w: %s", err, emu.errors())
	}
	b.emu, b.agent, b.ready = emu, agent, false
	go b.readAgent(agent)
	go b.watch(emu, agent)
	return nil
}

// watch notes the end of the emulator, whoever ended it.
func (b *Board) watch(emu *emulator, agent net.Conn) {
	<-emu.done
	agent.Close()
	b.mu.Lock()
	if b.emu == emu {
		b.emu, b.agent, b.ready = nil, nil, false
	}
	b.mu.Unlock()
	b.log.add(PowerOff, strings.TrimSpace("power off "+emu.errors()))
}

// PowerCut takes the power away at once. It returns when nothing of the board
// runs any more.
func (b *Board) PowerCut() {
	b.mu.Lock()
	emu := b.emu
	b.mu.Unlock()
	if emu == nil {
		return
	}
	mark := b.log.Mark()
	emu.kill()
	// The note in the log orders what comes after it.
	_, _ = b.log.waitAny(context.Background(), mark, func(e Event) bool { return e.Kind == PowerOff })
}

// CommandLine is the command that starts this board by hand, its console on
// the terminal.
func (b *Board) CommandLine() string {
	words := b.commandLine(false)
	for i, w := range words {
		words[i] = quote(w)
	}
	return strings.Join(words, " ")
}

func (b *Board) commandLine(agent bool) []string {
	virtio := func(kind string) string { return "virtio-" + kind + "-" + b.cfg.Parts.Board.Virtio }
	argv := append([]string{}, b.cfg.Parts.Board.QEMU...)
	argv = append(argv,
		"-m", fmt.Sprint(b.cfg.Memory),
		"-nodefaults", "-display", "none", "-monitor", "none", "-serial", "stdio")
	argv = append(argv, b.firmware()...)
	if k := b.kernel; agent && k.Image != "" {
		argv = append(argv, "-kernel", k.Image, "-initrd", k.Initrd, "-append", k.Arguments)
	}
	if agent && b.served != "" {
		argv = append(argv, b.servedDrive(virtio("blk"))...)
	} else {
		argv = append(argv, b.drive(virtio("blk"))...)
	}
	argv = append(argv,
		"-netdev", "user,id=net", "-device", virtio("net")+",netdev=net"+noROM(b.cfg.Parts.Board))
	if clock := b.cfg.Clock; !clock.IsZero() {
		argv = append(argv, "-rtc", "base="+clock.UTC().Format("2006-01-02T15:04:05"))
	}
	if agent {
		argv = append(argv,
			"-chardev", "socket,id=agent,path="+commas(filepath.Join(b.cfg.Dir, "agent")),
			"-device", virtio("serial"),
			"-device", "virtserialport,chardev=agent,name=abota.agent")
	}
	return argv
}

// firmware is what the board runs first. UEFI keeps its variables in a file.
func (b *Board) firmware() []string {
	if b.cfg.Parts.Board.Firmware == nil {
		return []string{"-bios", b.cfg.Parts.UBoot}
	}
	argv := []string{"-drive", "if=pflash,unit=0,format=raw,readonly=on,file=" + commas(b.cfg.Parts.Code)}
	if b.varsLogged() {
		return append(argv, "-machine", "pflash1=vars")
	}
	return append(argv, "-drive", "if=pflash,unit=1,format=raw,file="+commas(b.cfg.Vars))
}

// varsLogged says that the variables lie behind the disk, under one log with it.
func (b *Board) varsLogged() bool { return b.cfg.WriteLog != "" && b.cfg.VarsAt > 0 }

// noROM leaves the network card's own boot program out, which UEFI would load.
func noROM(kind parts.Board) string {
	if kind.Firmware == nil {
		return ""
	}
	return ",romfile="
}

// drive is the disk on that device, with a volatile write cache as far as the guest knows.
func (b *Board) drive(device string) []string {
	if b.cfg.WriteLog == "" {
		return []string{
			"-drive", "if=none,id=disk,format=raw,file=" + commas(b.cfg.Disk),
			"-device", device + ",drive=disk",
		}
	}
	// The log's head is brought up to date with every entry, so that it counts
	// them truly while the board runs.
	argv := []string{
		"-blockdev", "driver=file,node-name=image,discard=unmap,filename=" + commas(b.cfg.Disk),
		"-blockdev", "driver=raw,node-name=raw,discard=unmap,file=image",
		"-blockdev", "driver=file,node-name=log,filename=" + commas(b.cfg.WriteLog),
		"-blockdev", "driver=blklogwrites,node-name=logged,discard=unmap,file=raw,log=log,log-sector-size=512,log-super-update-interval=1",
	}
	if !b.varsLogged() {
		return append(argv, "-device", device+",drive=logged,write-cache=on")
	}
	return append(argv,
		"-blockdev", fmt.Sprintf("driver=raw,node-name=disk,discard=unmap,file=logged,offset=0,size=%d", b.cfg.VarsAt),
		"-blockdev", fmt.Sprintf("driver=raw,node-name=vars,file=logged,offset=%d", b.cfg.VarsAt),
		"-device", device+",drive=disk,write-cache=on,share-rw=on")
}

// DiskFrom makes the disk, from the next power-on on, what an NBD server offers
// on a Unix socket. Its I/O errors go through to the guest. The command line for
// people keeps the image.
func (b *Board) DiskFrom(socket string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.served = socket
}

func (b *Board) servedDrive(device string) []string {
	return []string{
		"-blockdev", "driver=nbd,node-name=served,server.type=unix,server.path=" + commas(b.served),
		"-blockdev", "driver=raw,node-name=disk,file=served",
		"-device", device + ",drive=disk,werror=report,rerror=report",
	}
}

// beginWriteLog makes the log's file, empty, as QEMU wants it.
func (b *Board) beginWriteLog() error {
	if b.cfg.WriteLog == "" {
		return nil
	}
	if err := os.WriteFile(b.cfg.WriteLog, nil, 0o600); err != nil {
		return fmt.Errorf("begin the log of writes: %w", err)
	}
	return nil
}

// commas doubles commas, as QEMU's options want them.
func commas(s string) string { return strings.ReplaceAll(s, ",", ",,") }

// quote makes a word safe for a shell.
func quote(word string) string {
	if word != "" && !strings.ContainsAny(word, " \t\n'\"\\$`*?[](){}<>|&;#~!") {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func listen(ctx context.Context, path string) (*net.UnixListener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("make the agent's socket: %w", err)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("make the agent's socket: %w", err)
	}
	return l.(*net.UnixListener), nil
}

// accept waits for QEMU to connect, which it does before the guest starts.
func accept(port *net.UnixListener, emu *emulator) (net.Conn, error) {
	const patience = 20 * time.Second
	if err := port.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-emu.done:
			port.Close()
		case <-stop:
		}
	}()
	return port.Accept()
}
