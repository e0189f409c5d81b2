// Package config reads the device's configuration: files, then the device's
// own, then environment, then command line. It only parses and checks; it opens no device and asks no
// server.
//
// # Guarantee
//
// A key that is not in the schema, a value of the wrong kind and a value that
// cannot be meant are errors (*[Error]) that name the file, the line and the
// key. Nothing is guessed. Secrets ([Secret]) print as *** whatever prints
// them; one in a file that everybody on the device can read is warned of, and
// refused by [Config.Private]. A device.yaml that cannot be used is warned of
// and left out as a whole.
//
// # Not guaranteed
//
// That slots, files and servers exist, or that all is said that a verb needs:
// it asks [Config.NeedSlots] and [Config.NeedSource] first.
//
// # Format
//
// YAML with one mapping at the top; example.yaml beside this file shows every
// key. Top-level lines of the form name:VALUE, with no blank after the colon,
// are the older scripts' own notation and may stand between YAML blocks: VALUE
// is then taken verbatim to the end of the line, without trailing blanks.
//
// Sizes are bytes in decimal or 0x hexadecimal, or 16K, 4M, 1G (also KiB, MiB,
// GiB). Durations are written as 90s, 2m or 1m30s.
//
// Every key has a variable: its path in upper case with dots as underscores,
// after ABOTA_ (ABOTA_BUCKET, ABOTA_SLOTS_A_DEVICE, ABOTA_HEALTH_DEADLINE).
// ABOTA_CONFIG and ABOTA_BOOTED belong to the command, and ABOTA_HOOK and its
// like are what hooks are told; they are not read here.
package config

import (
	"time"
)

// DefaultPath is the file that is read when none is named. It may be missing.
const DefaultPath = "/etc/abota/config.yaml"

// Config is the whole configuration, with defaults filled in.
type Config struct {
	// AccessKey, SecretKey and SessionToken are static S3 credentials. All
	// empty means that they come from elsewhere.
	AccessKey, SecretKey, SessionToken Secret
	// Region and Bucket say where the release is. Endpoint is only set for
	// stores other than AWS, as http://10.0.2.2:9000.
	Region, Bucket, Endpoint string
	// FileName, ChecksumName and KeyName are the objects of a classic release.
	FileName, ChecksumName, KeyName string
	// URL is the token at a web address, instead of a bucket; it is kept as a
	// secret because a pre-signed one is. URLCommand prints a fresh one when
	// it has expired.
	URL        Secret
	URLCommand []string
	// KeyFile is the Fernet key on the device. It wins over KeyName.
	KeyFile string
	// Proxy is the address of an HTTP proxy, empty for what the environment
	// says. It may hold a password.
	Proxy Secret
	// TLS is what connections to the source trust and show.
	TLS TLS
	// MinRate is how many bytes a second a download must bring on average, or
	// else it is given up; 0 lets it crawl.
	MinRate int64
	// Timeout and Retry say how patient a download is.
	Timeout Timeout
	Retry   Retry
	// DeviceID is what the device is called, and Group the part of the fleet
	// that it belongs to; both are told to hooks and reports.
	DeviceID, Group string
	// StateDir holds the journal, on a partition that both slots share.
	StateDir string
	// Slots are the two copies of the system, a and b.
	Slots [2]Slot
	// Bootloader says where the boot pointer is kept.
	Bootloader Bootloader
	// Tree bounds what is unpacked into directory slots.
	Tree Tree
	// Health says when a new release is kept.
	Health Health
	// Watchdog is held during a trial when its Device is not empty.
	Watchdog Watchdog
	// Hooks are programs that run at the turns of an update.
	Hooks Hooks
	// Poll says when `abota run` looks for a release, and when it takes it.
	Poll Poll
	// Mode is ModePoll or ModeAWSIoT: what `abota run` does.
	Mode string
	// AWSIoT is how this device reaches AWS IoT, and Jobs how it treats the
	// jobs that it gets there.
	AWSIoT AWSIoT
	Jobs   Jobs
	// Warnings are lines for whoever runs the command: what works, but should
	// not stay as it is.
	Warnings []string

	files []string
	// seen are secrets that something else may have taken the place of. It is
	// a pointer because fmt calls no method of a field that is not exported.
	seen *seen
	// exposed are the secrets that everybody on this device can read.
	exposed []*Error
}

// TLS is what connections to the source trust and show. All are paths of PEM
// files.
type TLS struct {
	// CAFile holds the authorities that are trusted instead of the system's.
	CAFile string
	// Cert and Key are this device's own certificate and its key.
	Cert, Key string
}

// Timeout bounds single waits for the network; there is none for a whole
// download.
type Timeout struct {
	// Connect is for a TCP connection, Handshake for TLS, Header from request
	// to answer, Idle between two bytes. Slow is what MinRate is averaged over.
	Connect, Handshake, Header, Idle, Slow time.Duration
}

// Retry bounds what is done about a network that fails.
type Retry struct {
	// Open is how often an object is asked for, Resume how many failures in a
	// row without a byte of progress end a download.
	Open, Resume int
	// First is the pause after the first failure; it doubles up to Longest.
	// After is the longest Retry-After that a download waits for.
	First, Longest, After time.Duration
}

// Hooks are programs with their arguments; an empty one is not run.
type Hooks struct {
	BeforeInstall, BeforeReboot, AfterCommit, AfterRollback []string
	// Timeout bounds each of them.
	Timeout time.Duration
}

// The values of Poll.Reboot.
const (
	// RebootNow restarts the device as soon as a release is installed, or,
	// when the window has closed meanwhile, in the next one.
	RebootNow = "now"
	// RebootInWindow installs at any time, and restarts in the window.
	RebootInWindow = "window"
	// RebootByApplication leaves the restart to whoever knows better.
	RebootByApplication = "application"
)

// Poll says when `abota run` looks for a release, and when it takes it.
type Poll struct {
	// Interval is the time from one look to the next; up to Jitter is added
	// at random to it, and again between finding a release and taking it.
	Interval, Jitter time.Duration
	// Window are the times of the week in which releases are installed and
	// the device restarts; none means always.
	Window []Window
	// RateLimit is how many bytes a second a download may take; 0 means as
	// many as there are.
	RateLimit int64
	// Wave is how long it takes until every device of a fleet may have taken
	// a release; each waits for its own fixed part of it.
	Wave time.Duration
	// Reboot is RebootNow, RebootInWindow or RebootByApplication.
	Reboot string
}

// The values of Mode.
const (
	// ModePoll looks for a release in the configured source from time to time.
	ModePoll = "poll"
	// ModeAWSIoT takes the jobs that AWS IoT has for this device.
	ModeAWSIoT = "aws-iot"
)

// The values of AWSIoT.Format.
const (
	FormatCBOR = "cbor"
	FormatJSON = "json"
)

// AWSIoT is how this device reaches AWS IoT, and what it believes there.
type AWSIoT struct {
	// Endpoint is the host of the account's device data endpoint, with a port
	// or without: 8883 is MQTT, 443 is MQTT told by ALPN.
	Endpoint string
	// Thing is the device's name there; empty means DeviceID.
	Thing string
	// ClientID is the MQTT client's, which no other connection of the account
	// may have; empty means the thing's name and "-abota".
	ClientID string
	// CAFile holds the authorities that are trusted instead of the system's;
	// Cert and Key are this device's own certificate and its key. All are
	// paths of PEM files.
	CAFile, Cert, Key string
	// KeepAlive is after how much silence the connection is tried.
	KeepAlive time.Duration
	// Certificates is the folder of the code-signing certificates that a
	// release may be signed with.
	Certificates string
	// Format is FormatCBOR or FormatJSON, and BlockSize how many bytes one
	// message of a stream holds.
	Format    string
	BlockSize int64
	// CredentialsEndpoint is the host of the account's credentials provider,
	// and RoleAlias what it is asked for: then S3 needs no keys on the device.
	CredentialsEndpoint, RoleAlias string
}

// The values of Jobs.Unknown.
const (
	// UnknownReject tells AWS IoT that this device cannot carry a job out.
	UnknownReject = "reject"
	// UnknownLeave leaves it to another agent on this device.
	UnknownLeave = "leave"
)

// Jobs is how jobs are treated.
type Jobs struct {
	// Unknown is UnknownReject or UnknownLeave: what becomes of a job whose
	// document abota does not know.
	Unknown string
}

// The kinds of boot pointer that Bootloader.Kind may name.
const (
	KindUBoot   = "uboot"
	KindGRUB    = "grub"
	KindSDBoot  = "sdboot"
	KindEFI     = "efi"
	KindGPT     = "gpt"
	KindTryBoot = "tryboot"
	KindRecord  = "record"
	KindSymlink = "symlink"
)

// Bootloader says where the boot pointer is kept.
type Bootloader struct {
	// Kind is one of those above; empty means detect. A block that only one kind
	// has names that kind.
	Kind string
	// Env are the two redundant copies of U-Boot's environment, a single one that
	// no power cut may meet, or none.
	Env []EnvCopy
	// Variables says whose boot script reads U-Boot's or GRUB's variables; empty
	// and VariablesAbota: abota's, or in U-Boot RAUC's where it announces no
	// contract.
	Variables string
	// Names are what another updater's boot script calls slot A and B; empty:
	// A and B, or, for Mender, the numbers that the slots' devices end in.
	Names [2]string
	// SWUpdate is for VariablesSWUpdate.
	SWUpdate SWUpdate
	// GRUB, SDBoot, EFI, GPT and TryBoot are what each of these kinds needs.
	GRUB    GRUB
	SDBoot  SDBoot
	EFI     EFI
	GPT     GPT
	TryBoot TryBoot
	// ConfirmedTries is how many boots a confirmed slot may start in a row
	// without an answer; 0 means that they are not counted.
	ConfirmedTries int
	// Link is the symbolic link that shows which directory slot runs.
	Link string
	// Restart is the program that restarts what runs from a directory slot,
	// with its arguments, and RestartTimeout how long it may take.
	Restart        []string
	RestartTimeout time.Duration
}

// GRUB names the environment blocks that package bootctl/grub describes.
type GRUB struct {
	// Env is where another updater's boot script has its variables: a file, or
	// for Mender's a folder.
	Env string
	// Blocks hold the table, and Counts what GRUB counts: three files.
	Blocks [2]string
	Counts string
}

// SDBoot is systemd-boot's.
type SDBoot struct {
	// ESP is where the partition with loader/entries is mounted.
	ESP string
	// Entries are files with the lines of both slots' boot entries, A's first.
	Entries [2]string
}

// EFI is for firmware that starts the slots itself.
type EFI struct {
	// Labels are the descriptions of both slots' boot entries, A's first.
	Labels [2]string
	// Entries are what `abota provision` makes these boot entries of, or none
	// where somebody else makes them.
	Entries []EFIEntry
}

// EFIEntry is what the firmware starts for one slot.
type EFIEntry struct {
	// Device is the partition, as PARTUUID=… or PARTLABEL=….
	Device string
	// File is the program's path there, and Options its command line.
	File, Options string
}

// GPT is for loaders that read boot attributes of partitions.
type GPT struct {
	// Disk is the whole disk.
	Disk string
	// Partitions are those with the attributes, A's first; left out they are
	// the slots.
	Partitions [2]string
}

// TryBoot is the Raspberry Pi's.
type TryBoot struct {
	// File is autoboot.txt, on the first FAT partition.
	File string
	// Partitions are the numbers of the boot partitions, A's first.
	Partitions [2]int
}

// Tree bounds what is unpacked into a directory slot.
type Tree struct {
	// MaxEntries is how many files, folders and links there may be.
	MaxEntries int
	// MaxSize is how many bytes they may take.
	MaxSize int64
}

// EnvCopy is one copy of U-Boot's environment. Offset and Size are bytes.
type EnvCopy struct {
	Device       string
	Offset, Size int64
}

// Health says when a new release is kept.
type Health struct {
	// Deadline is how long the checks have to pass for the first time.
	Deadline time.Duration
	// StableFor is how long they must then hold.
	StableFor time.Duration
	// UpdatePath adds the check that this device could update again, which
	// has UpdatePathDeadline of its own.
	UpdatePath         bool
	UpdatePathDeadline time.Duration
	Checks             []Check
}

// Check is one command or one address; exactly one of Exec and HTTP is set.
type Check struct {
	Exec    []string
	HTTP    string
	Timeout time.Duration
}

// Watchdog is a Linux watchdog device.
type Watchdog struct {
	Device  string
	Timeout time.Duration
	// Keep has it fed on after a trial, until the device restarts, instead of
	// disarmed.
	Keep bool
}

// Default is the configuration that says nothing.
func Default() *Config {
	c := defaults()
	return &c
}

// defaults is what holds where nothing is said.
func defaults() Config {
	return Config{
		FileName:     "firmware.zip",
		ChecksumName: "checksum.txt",
		KeyName:      "key.key",
		StateDir:     "/var/lib/abota",
		MinRate:      1 << 10,
		Timeout:      Timeout{Connect: 10 * time.Second, Handshake: 10 * time.Second, Header: 30 * time.Second, Idle: 30 * time.Second, Slow: time.Minute},
		Retry:        Retry{Open: 4, Resume: 10, First: 500 * time.Millisecond, Longest: 30 * time.Second, After: 2 * time.Minute},
		Bootloader: Bootloader{
			EFI:            EFI{Labels: [2]string{"abota A", "abota B"}},
			ConfirmedTries: 10, RestartTimeout: time.Minute,
		},
		Tree: Tree{MaxEntries: 16384, MaxSize: 4 << 30},
		Health: Health{
			Deadline:           2 * time.Minute,
			StableFor:          30 * time.Second,
			UpdatePath:         true,
			UpdatePathDeadline: 5 * time.Minute,
		},
		Watchdog: Watchdog{Timeout: time.Minute},
		Hooks:    Hooks{Timeout: time.Minute},
		Poll:     Poll{Interval: time.Hour, Jitter: 10 * time.Minute, Reboot: RebootNow},
		Mode:     ModePoll,
		AWSIoT:   AWSIoT{KeepAlive: time.Minute, Certificates: "/etc/abota/certificates", Format: FormatCBOR, BlockSize: 32 << 10},
		Jobs:     Jobs{Unknown: UnknownReject},
	}
}
