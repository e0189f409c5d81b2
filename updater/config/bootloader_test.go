package config

import (
	"reflect"
	"strings"
	"testing"
)

func TestEachKindOfBootloader(t *testing.T) {
	blank := defaults().Bootloader
	with := func(change func(*Bootloader)) Bootloader {
		b := blank
		change(&b)
		return b
	}
	grub := with(func(b *Bootloader) {
		b.Kind, b.GRUB = KindGRUB, GRUB{Blocks: [2]string{"/b/0/env", "/b/1/env"}, Counts: "/b/c/env"}
	})
	for _, c := range []struct {
		name, text string
		want       Bootloader
	}{
		{"grub", "kind: grub\n  grub: {blocks: [/b/0/env, /b/1/env], counts: /b/c/env}", grub},
		{"grub without its name", "grub: {blocks: [/b/0/env, /b/1/env], counts: /b/c/env}", grub},
		{"sdboot", "sdboot: {esp: /efi/, entries: [/a.conf, /b.conf]}", with(func(b *Bootloader) {
			b.Kind, b.SDBoot = KindSDBoot, SDBoot{"/efi", [2]string{"/a.conf", "/b.conf"}}
		})},
		{"efi", "kind: efi", with(func(b *Bootloader) { b.Kind = KindEFI })},
		{"efi with entries", "efi: {labels: [one, two], entries: [{device: PARTLABEL=esp, file: \\a\\linux, options: abota.slot=A}, {device: PARTLABEL=esp, file: b}]}", with(func(b *Bootloader) {
			b.Kind, b.EFI.Labels = KindEFI, [2]string{"one", "two"}
			b.EFI.Entries = []EFIEntry{{"PARTLABEL=esp", "/a/linux", "abota.slot=A"}, {"PARTLABEL=esp", "/b", ""}}
		})},
		{"gpt", "gpt: {disk: /dev/sda}", with(func(b *Bootloader) { b.Kind, b.GPT.Disk = KindGPT, "/dev/sda" })},
		{"gpt with partitions", "gpt: {disk: /dev/sda, partitions: [PARTLABEL=KERN-A, PARTUUID=1]}", with(func(b *Bootloader) {
			b.Kind, b.GPT = KindGPT, GPT{"/dev/sda", [2]string{"PARTLABEL=KERN-A", "PARTUUID=1"}}
		})},
		{"tryboot", "tryboot: {file: /boot/firmware/autoboot.txt, partitions: [2, 3]}", with(func(b *Bootloader) {
			b.Kind, b.TryBoot = KindTryBoot, TryBoot{"/boot/firmware/autoboot.txt", [2]int{2, 3}}
		})},
		{"uboot by its environment", "env: [{device: e, size: 4K}, {device: f, size: 4K}]", with(func(b *Bootloader) {
			b.Kind, b.Env = KindUBoot, []EnvCopy{{"e", 0, 4096}, {"f", 0, 4096}}
		})},
		{"nothing", "confirmed_tries: 10", blank},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := mustLoad(t, slotLines+"bootloader:\n  "+c.text+"\n").Bootloader
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
}

func TestRefusedBootloaders(t *testing.T) {
	const grub = "  grub: {blocks: [/b/0, /b/1], counts: /b/c}\n"
	for _, c := range []struct{ name, text, want string }{
		{"key of another kind", "  kind: efi\n" + grub, "config.yaml:4: bootloader.grub.blocks: is for kind grub, but the bootloader is of kind efi: remove one of them"},
		{"two kinds, none named", grub + "  gpt: {disk: /dev/sda}\n", "config.yaml:4: bootloader.gpt.disk: is for kind gpt, but bootloader.grub.blocks is for kind grub: remove one of them"},
		{"environment beside a record", "  kind: record\n  env: [{device: e, size: 1}, {device: f, size: 1}]\n", "bootloader.env: is for kind uboot, but the bootloader is of kind record"},
		{"link beside a bootloader", grub + "  link: /opt/app\n", "config.yaml:4: bootloader.link: is for kind symlink, but the bootloader is of kind grub"},
		{"kind alone", "  kind: grub\n", "config.yaml:3: bootloader.grub.blocks: not set: a bootloader of kind grub needs it"},
		{"half of a block", "  sdboot:\n    esp: /efi\n", "config.yaml:4: bootloader.sdboot.entries: not set: a bootloader of kind sdboot needs it"},
		{"one of a pair", "  grub: {blocks: [/b/0], counts: /b/c}\n", "bootloader.grub.blocks: lists 1: needs two files, that of slot A first"},
		{"three of a pair", "  tryboot: {file: /f, partitions: [1, 2, 3]}\n", "bootloader.tryboot.partitions: lists 3: needs two partition numbers"},
		{"one twice", "  sdboot: {esp: /efi, entries: [/a, /a/.]}\n", "bootloader.sdboot.entries: names /a twice: needs two different files"},
		{"no list", "  efi: {labels: both}\n", "bootloader.efi.labels: needs a list of two descriptions of boot entries"},
		{"empty label", "  efi: {labels: [\"\", b]}\n", "bootloader.efi.labels: is empty"},
		{"relative path", "  grub: {blocks: [b/0, /b/1], counts: /b/c}\n", "bootloader.grub.blocks: \"b/0\" is not an absolute path"},
		{"counts in a block", "  grub: {blocks: [/b/0, /b/1], counts: /b/1}\n", "bootloader.grub.counts: /b/1 is one of blocks too"},
		{"more tries than GRUB counts", grub + "  confirmed_tries: 100\n", "config.yaml:4: bootloader.confirmed_tries: 100 is more than GRUB's script can count"},
		{"partition by path", "  gpt: {disk: /dev/sda, partitions: [/dev/sda1, /dev/sda2]}\n", "bootloader.gpt.partitions: \"/dev/sda1\" names no partition: use PARTUUID= or PARTLABEL="},
		{"partition of nobody", "  tryboot: {file: /f, partitions: [0, 2]}\n", "bootloader.tryboot.partitions: \"0\" is not a number of a partition from 1 to 63"},
		{"one boot entry", "  efi: {entries: [{device: PARTLABEL=esp, file: /a}]}\n", "bootloader.efi.entries: lists 1: needs two boot entries"},
		{"entry without a partition", "  efi: {entries: [{file: /a}, {device: PARTLABEL=esp, file: /b}]}\n", "bootloader.efi.entries[0]: has no device"},
		{"entry without a file", "  efi: {entries: [{device: PARTLABEL=esp, file: /}, {device: PARTLABEL=esp, file: /b}]}\n", "bootloader.efi.entries[0].file: names no file"},
		{"one entry for both", "  efi: {entries: [{device: PARTLABEL=esp, file: /a}, {device: PARTLABEL=esp, file: /a}]}\n", "bootloader.efi.entries: starts the same for both slots"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load([]string{write(t, "config.yaml", slotLines+"bootloader:\n"+c.text)}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	_, err := Load([]string{write(t, "config.yaml", "slots: {a: {dir: /a}, b: {dir: /b}}\nbootloader: {link: /c, gpt: {disk: /dev/sda}}\n")}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "bootloader.kind: gpt does not read directory slots") {
		t.Errorf("folders: %v", err)
	}
}

func TestWhoseVariables(t *testing.T) {
	blank := defaults().Bootloader
	with := func(change func(*Bootloader)) Bootloader {
		b := blank
		change(&b)
		return b
	}
	for text, want := range map[string]Bootloader{
		"variables: rauc": with(func(b *Bootloader) { b.Variables = "rauc" }),
		"kind: uboot\n  variables: rauc\n  names: [system0, system1]": with(func(b *Bootloader) {
			b.Kind, b.Variables, b.Names = KindUBoot, "rauc", [2]string{"system0", "system1"}
		}),
		"variables: mender\n  names: [2, 3]\n  grub: {env: /boot/efi/grub-mender-grubenv}": with(func(b *Bootloader) {
			b.Kind, b.Variables, b.Names, b.GRUB.Env = KindGRUB, "mender", [2]string{"2", "3"}, "/boot/efi/grub-mender-grubenv"
		}),
		"variables: swupdate\n  names: [a, b]\n  swupdate: {slot: bootslot, trial: ustate}": with(func(b *Bootloader) {
			b.Variables, b.Names, b.SWUpdate = "swupdate", [2]string{"a", "b"}, SWUpdate{Slot: "bootslot", Trial: "ustate"}
		}),
		"variables: abota": with(func(b *Bootloader) { b.Variables = "abota" }),
	} {
		if got := mustLoad(t, slotLines+"bootloader:\n  "+text+"\n").Bootloader; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"variables: barebox":                                   `config.yaml:3: bootloader.variables: unknown variables "barebox": use abota, rauc, mender, swupdate`,
		"kind: efi\n  variables: rauc":                         "bootloader.variables: is for kind uboot or grub, but the bootloader is of kind efi",
		"names: [2, 3]":                                        "bootloader.names: is for another updater's variables",
		"variables: swupdate":                                  "config.yaml:3: bootloader.swupdate: not set",
		"swupdate: {slot: x, trial: y}":                        "bootloader.swupdate: is for variables: swupdate",
		"variables: swupdate\n  swupdate: {slot: x, trial: y}": "bootloader.names: not set: give the values that x has",
		"variables: swupdate\n  names: [2, 3]\n  swupdate: {slot: 'x=', trial: y}":      `"x=" is no name of a variable`,
		"kind: grub\n  variables: rauc":                                                 "bootloader.grub.env: not set: name the grubenv file",
		"variables: rauc\n  grub: {env: /g, counts: /c}":                                "blocks and counts are abota's own",
		"grub: {env: /g, blocks: [/a, /b], counts: /c}":                                 "bootloader.grub.env: is for another updater's variables",
		"variables: rauc\n  names: [A, A]":                                              "names A twice",
		"variables: rauc\n  names: [A, B]\n  swupdate: {slot: rootpart, trial: ustate}": "is for variables: swupdate",
	} {
		_, err := Load([]string{write(t, "config.yaml", slotLines+"bootloader:\n  "+text+"\n")}, nil, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\ngot  %v\nwant %s", text, err, want)
		}
	}
}
