# abota's U-Boot boot script: which of the two slots to start, and who may try again.
# Compile: mkimage -A arm -T script -C none -n abota -d boot.cmd boot.scr
#
# Guarantee
#  - A slot that has not proven itself (a trial) is started only after the attempt
#    was counted down, written and read back. When that fails, a confirmed slot starts.
#  - A kernel that does not load or that U-Boot refuses falls through at once to the
#    next slot of the order. When nothing is left the board resets and tries again.
#  - At most one write a boot, always over the older copy of the environment; none
#    when no counter changes. Only the digits of BOOT_x_LEFT, the serial and the CRC
#    are altered: every other byte of the copy, known or foreign, stays as it was.
#  - BOOT_x_GOOD is never set here, and a trial's attempts are never refilled.
# Not guaranteed
#  - That the count survives a power cut right after it: U-Boot sends no flush, so a
#    device with a volatile write cache may lose it. The attempt then goes uncounted,
#    and the previous environment stays valid.
#
# The environment
#   Two copies in the partition ab_env_label, at ab_env_0 and ab_env_1, the redundant
#   format of U-Boot itself: CRC-32 of the data, little-endian (4) | serial (1) |
#   "name=value" strings, each ended by NUL, the last followed by one more NUL.
#   The newer of two valid copies has the greater serial, but 0 follows 255; of two
#   equal ones the first counts. That is U-Boot's own rule, and that of its tools.
#   BOOT_ORDER            "B A": the slots that may start, first choice first
#   BOOT_A_LEFT, _B_LEFT  attempts left, hexadecimal digits without 0x
#   BOOT_A_GOOD, _B_GOOD  1 = confirmed; anything else = trial
#   BOOT_CONFIRMED_TRIES  boots a confirmed slot may start in a row without being
#                         refilled, hexadecimal; absent = a (10); 0 = not counted
# Rules for whoever writes it (abota does):
#  - BOOT_A_LEFT and BOOT_B_LEFT are always present, "0" if need be. The script counts
#    in place: it keeps the number of digits ("10" becomes "0f") and can neither add a
#    missing variable nor widen one, so a value above f needs two digits from the start.
#  - Order and place in the data do not matter here.
#
# Which slot
#   The order is walked. A confirmed slot starts if it has tries left or is not counted,
#   a trial if it has tries left and the attempt could be recorded. Confirmed slots
#   without tries come last. When no slot has any left, all confirmed slots in the order
#   are refilled and the first is started. A confirmed slot whose BOOT_x_LEFT is missing
#   starts uncounted. A slot that is not in the order is never started.
#   - No BOOT_x_GOOD at all: the environment is RAUC's. A slot of the order with tries
#     left counts as confirmed, also one without BOOT_x_LEFT, and every boot is counted.
#   - Nothing in the order is confirmed and no attempt is left or can be recorded: the
#     slots of the order start uncounted, the last of it first, since that is what ran
#     before the newest trial was put in front. Nothing is written; abota.env=exhausted.
#   - No valid copy, or none with a BOOT_ORDER: factory default, then the other slot.
#     Nothing is written; abota.env=lost.
#
# A slot is a partition with /boot/Image (arm64), /boot/bzImage (x86) or /boot/zImage
# (arm), and if present /boot/initrd, /boot/dtb (under 512 KiB; else U-Boot's own; none is
# handed over on x86) and /boot/abota.args (under 2 KiB): a line "abota_args=…" with the kernel arguments that travel with the slot, in
# place of ab_default_args. They may not hold single quotes, which U-Boot's shell drops,
# nor backslashes. What the script adds itself comes after them.
#   A slot may have further partitions, as a root behind dm-verity has: ab_label_A and
# ab_label_B then name the one with the files above. Its initramfs finds the others by
# abota.slot=, and what it needs of them, as the root hash, stands in abota.args.
#
# Before changing it: a single quote inside double quotes is a syntax error to U-Boot's
# shell, and one of those ends the script and lets distro boot go on to the network; an
# environment variable hides a loop variable of the same name; there is no break; numbers
# are hexadecimal. sim/ubootscript runs the rules above in the real U-Boot.
#
# Needs: U-Boot 2018.07 or later with the hush shell and the commands part, load, test -e,
# itest, setexpr, env import, crc32, cmp, cp, mw, booti, bootz or zboot; GPT.

# ---- for the device maker to change -------------------------------------------------
setenv ab_env_label uboot-env
setenv ab_env_0 0x0
setenv ab_env_1 0x400000
setenv ab_env_size 0x4000
setenv ab_block 0x200
setenv ab_label_A root-a
setenv ab_label_B root-b
setenv ab_default A
setenv ab_common_args "console=ttyAMA0,115200 rootwait panic=5"
setenv ab_default_args "ro"
# Used when the script was not started by distro boot, which says where it came from.
setenv ab_devtype mmc
setenv ab_devnum 0
# Scratch memory: twice ab_env_size and 64 KiB, and behind that 512 KiB for the device tree
# of a slot where fdt_addr_r is not set; clear of kernel, initrd and script. Empty = what
# distro boot keeps for a PXE file, which is not in use now.
setenv ab_mem
# Where an initrd is loaded. Empty = ramdisk_addr_r. An x86 kernel unpacks itself to 16 MiB
# and needs "init_size" bytes there (its header has it at 0x260; 54 MiB is usual): the
# initrd must lie above, or it is overwritten.
setenv ab_initrd_addr
# -------------------------------------------------------------------------------------

if test -z "${devtype}"; then setenv devtype ${ab_devtype}; setenv devnum ${ab_devnum}; fi
if test -z "${ab_mem}"; then setenv ab_mem ${pxefile_addr_r}; fi
if test -z "${ab_mem}"; then setexpr ab_mem ${scriptaddr} + 0x100000; fi
if test -z "${ab_initrd_addr}"; then setenv ab_initrd_addr ${ramdisk_addr_r}; fi
setexpr ab_gap ${ab_env_size} + 0x1000
setenv ab_raw0 ${ab_mem}
setexpr ab_raw1 ${ab_raw0} + ${ab_gap}
setexpr ab_t0 ${ab_raw1} + ${ab_gap}
setexpr ab_t1 ${ab_t0} + 1
setexpr ab_t2 ${ab_t0} + 2
setexpr ab_t3 ${ab_t0} + 3
setexpr ab_t4 ${ab_t0} + 4
setexpr ab_t5 ${ab_t0} + 5
setexpr ab_t6 ${ab_t0} + 6
setexpr ab_t7 ${ab_t0} + 7
setexpr ab_t8 ${ab_t0} + 8
setexpr ab_text ${ab_t0} + 0x1000
setexpr ab_fdt ${ab_t0} + 0xe000
if test -n "${fdt_addr_r}"; then setenv ab_fdt ${fdt_addr_r}; fi
setexpr ab_dsize ${ab_env_size} - 5

# U-Boot stores a CRC-32 big-endian or in the machine's order, depending on its version:
# the CRC of one zero byte, d202ef8d, tells.
mw.b ${ab_t0} 0 1
crc32 ${ab_t0} 1 ${ab_t4}
setenv ab_swap 0
if itest.b *${ab_t4} == d2; then setenv ab_swap 1; fi
# ab_crc: puts the CRC of the data at ab_d at ab_t0, little-endian.
setenv ab_crc 'crc32 ${ab_d} ${ab_dsize} ${ab_t0}; if test ${ab_swap} = 1; then cp.b ${ab_t0} ${ab_t7} 1; cp.b ${ab_t1} ${ab_t6} 1; cp.b ${ab_t2} ${ab_t5} 1; cp.b ${ab_t3} ${ab_t4} 1; cp.b ${ab_t4} ${ab_t0} 4; fi'

# Read both copies. The zeroed gap behind each one ends every search in it.
setenv ab_ok0 0
setenv ab_ok1 0
setenv ab_blk0
setenv ab_blk1
setexpr ab_count ${ab_env_size} / ${ab_block}
setexpr ab_need0 ${ab_env_0} + ${ab_env_size}
setexpr ab_need1 ${ab_env_1} + ${ab_env_size}
setexpr ab_need0 ${ab_need0} / ${ab_block}
setexpr ab_need1 ${ab_need1} / ${ab_block}
${devtype} dev ${devnum}
if part start ${devtype} ${devnum} ${ab_env_label} ab_start && part size ${devtype} ${devnum} ${ab_env_label} ab_length; then
  for ab_i in 0 1; do
    if test ${ab_i} = 0; then
      setenv ab_raw ${ab_raw0}; setenv ab_need ${ab_need0}; setenv ab_offset ${ab_env_0}
    else
      setenv ab_raw ${ab_raw1}; setenv ab_need ${ab_need1}; setenv ab_offset ${ab_env_1}
    fi
    if itest ${ab_length} -ge ${ab_need}; then
      setexpr ab_offset ${ab_offset} / ${ab_block}
      setexpr ab_blk${ab_i} ${ab_start} + ${ab_offset}
      if test ${ab_i} = 0; then setenv ab_blk ${ab_blk0}; else setenv ab_blk ${ab_blk1}; fi
      mw.b ${ab_raw} 0 ${ab_gap}
      if ${devtype} read ${ab_raw} ${ab_blk} ${ab_count}; then
        setexpr ab_d ${ab_raw} + 5
        run ab_crc
        if itest.l *${ab_raw} == *${ab_t0}; then setenv ab_ok${ab_i} 1; fi
      else
        echo "abota: environment: copy ${ab_i} cannot be read"
      fi
    else
      echo "abota: environment: partition ${ab_env_label} is too small for copy ${ab_i}"
    fi
  done
else
  echo "abota: environment: no partition ${ab_env_label} on ${devtype} ${devnum}"
fi

# The newer valid copy is read, the other one is where a changed environment goes.
setexpr ab_d0 ${ab_raw0} + 4
setexpr ab_d1 ${ab_raw1} + 4
setexpr.b ab_serial0 *${ab_d0}
setexpr.b ab_serial1 *${ab_d1}
setenv ab_cur none
if test ${ab_ok0} = 1; then setenv ab_cur 0; fi
if test ${ab_ok1} = 1; then
  if test ${ab_ok0} = 0; then
    setenv ab_cur 1
  elif itest ${ab_serial0} == ff && itest ${ab_serial1} == 0; then
    setenv ab_cur 1
  elif itest ${ab_serial0} == 0 && itest ${ab_serial1} == ff; then
    setenv ab_cur 0
  elif itest ${ab_serial1} -gt ${ab_serial0}; then
    setenv ab_cur 1
  fi
fi
setenv BOOT_ORDER
setenv BOOT_A_LEFT
setenv BOOT_B_LEFT
setenv BOOT_A_GOOD
setenv BOOT_B_GOOD
setenv BOOT_CONFIRMED_TRIES
setenv ab_from_A
setenv ab_from_B
setenv ab_end_A
setenv ab_end_B
if test ${ab_cur} = 0; then
  setenv ab_raw ${ab_raw0}; setenv ab_serial ${ab_serial0}; setenv ab_back ${ab_raw1}; setenv ab_blk ${ab_blk1}; setenv ab_older 1
else
  setenv ab_raw ${ab_raw1}; setenv ab_serial ${ab_serial1}; setenv ab_back ${ab_raw0}; setenv ab_blk ${ab_blk0}; setenv ab_older 0
fi
setexpr ab_d ${ab_raw} + 5
if test ${ab_cur} != none; then
  # Take over the entries that begin with BOOT_, one by one and nothing else, and note where
  # the digits of the counters lie. Of duplicates the last counts, as in U-Boot and its tools.
  setenv ab_p ${ab_d}
  while itest.b *${ab_p} != 0; do
    while itest.b *${ab_p} == 20 || itest.b *${ab_p} == 9; do setexpr ab_p ${ab_p} + 1; done
    setenv ab_entry ${ab_p}
    setenv ab_hit 0
    if itest.b *${ab_p} == 42; then
      cp.b ${ab_p} ${ab_t0} c
      if itest.l *${ab_t0} == 544f4f42 && itest.b *${ab_t4} == 5f; then setenv ab_hit 1; fi
    fi
    while itest.b *${ab_p} != 0; do setexpr ab_p ${ab_p} + 1; done
    if test ${ab_hit} = 1; then
      setexpr ab_length ${ab_p} - ${ab_entry}
      setexpr ab_length ${ab_length} + 1
      env import -b ${ab_entry} ${ab_length}
      setenv ab_whose
      # "BOOT" "_A_L" or "_B_L" "EFT="
      if itest.l *${ab_t8} == 3d544645; then
        if itest.l *${ab_t4} == 4c5f415f; then setenv ab_whose A; fi
        if itest.l *${ab_t4} == 4c5f425f; then setenv ab_whose B; fi
      fi
      if test -n "${ab_whose}"; then
        setexpr ab_from_${ab_whose} ${ab_entry} + c
        setenv ab_end_${ab_whose} ${ab_p}
      fi
    fi
    setexpr ab_p ${ab_p} + 1
  done
  echo "abota: environment: copy ${ab_cur} is current, serial ${ab_serial} (valid: copy 0 ${ab_ok0}, copy 1 ${ab_ok1})"
  echo "abota: environment: order ${BOOT_ORDER}; A: left ${BOOT_A_LEFT} good ${BOOT_A_GOOD}; B: left ${BOOT_B_LEFT} good ${BOOT_B_GOOD}; confirmed tries ${BOOT_CONFIRMED_TRIES}"
fi

# The leading 0 keeps an empty or senseless value from being anything but a number.
setexpr ab_left_A "0${BOOT_A_LEFT}" + 0
setexpr ab_left_B "0${BOOT_B_LEFT}" + 0
setenv ab_good_A 0
setenv ab_good_B 0
if test "${BOOT_A_GOOD}" = 1; then setenv ab_good_A 1; fi
if test "${BOOT_B_GOOD}" = 1; then setenv ab_good_B 1; fi
setenv ab_tries a
if test -n "${BOOT_CONFIRMED_TRIES}"; then setexpr ab_tries "0${BOOT_CONFIRMED_TRIES}" + 0; fi
if test -z "${BOOT_A_GOOD}" && test -z "${BOOT_B_GOOD}"; then
  setenv ab_tries a
  if test -z "${BOOT_A_LEFT}" || test ${ab_left_A} != 0; then setenv ab_good_A 1; fi
  if test -z "${BOOT_B_LEFT}" || test ${ab_left_B} != 0; then setenv ab_good_B 1; fi
  if test -n "${BOOT_ORDER}"; then echo "abota: environment: no slot says whether it is good, as with RAUC: those with tries left are taken as confirmed"; fi
fi

# The plan: slots in the order in which they are attempted. A capital letter means that
# the attempt is counted, a small one that it is not.
setenv ab_plan
setenv ab_tail
setenv ab_full
setenv ab_reverse
setenv ab_refill 0
setenv ab_last 0
setenv ab_note
setenv ab_in_A 0
setenv ab_in_B 0
setenv ab_any 0
for ab_s in ${BOOT_ORDER}; do
  setenv ab_new 0
  if test "${ab_s}" = A && test ${ab_in_A} = 0; then
    setenv ab_new 1; setenv ab_in_A 1; setenv ab_small a; setenv ab_left ${ab_left_A}; setenv ab_good ${ab_good_A}; setenv ab_digits "${BOOT_A_LEFT}"
  fi
  if test "${ab_s}" = B && test ${ab_in_B} = 0; then
    setenv ab_new 1; setenv ab_in_B 1; setenv ab_small b; setenv ab_left ${ab_left_B}; setenv ab_good ${ab_good_B}; setenv ab_digits "${BOOT_B_LEFT}"
  fi
  if test ${ab_new} = 1; then
    setenv ab_reverse "${ab_small} ${ab_reverse}"
    setenv ab_free 0
    if test ${ab_good} = 1; then
      setenv ab_any 1
      if test ${ab_tries} = 0 || test -z "${ab_digits}"; then setenv ab_free 1; fi
    fi
    if test ${ab_free} = 1; then
      setenv ab_plan "${ab_plan} ${ab_small}"
    elif test ${ab_left} != 0; then
      setenv ab_plan "${ab_plan} ${ab_s}"
    elif test ${ab_good} = 1; then
      setenv ab_tail "${ab_tail} ${ab_small}"
      setenv ab_full "${ab_full} ${ab_s}"
      echo "abota: slot ${ab_s}: confirmed, but its tries are used up"
    else
      echo "abota: slot ${ab_s}: trial without attempts left, not started"
    fi
  fi
done
setenv ab_plan "${ab_plan}${ab_tail}"
if test ${ab_in_A} = 0 && test ${ab_in_B} = 0; then
  setenv ab_note abota.env=lost
  echo "abota: environment: lost, nothing will be written: factory default ${ab_default}, then the other slot"
  if test ${ab_default} = B; then setenv ab_plan "b a"; else setenv ab_plan "a b"; fi
elif test "${ab_plan}" = "${ab_tail}" && test -n "${ab_full}"; then
  setenv ab_refill 1
  setenv ab_plan ${ab_full}
  echo "abota: every slot is used up: the confirmed ones get ${ab_tries} tries again"
elif test ${ab_any} = 0; then
  setenv ab_last 1
  setenv ab_plan "${ab_plan} ${ab_reverse}"
fi

# Walk the plan. Nothing below returns once a kernel starts.
setenv ab_spent 0
setenv ab_recorded 0
for ab_step in ${ab_plan}; do
  setenv ab_counted 0
  if test ${ab_step} = A || test ${ab_step} = B; then setenv ab_counted 1; fi
  if test ${ab_step} = A || test ${ab_step} = a; then
    setenv ab_slot A; setenv ab_label ${ab_label_A}; setenv ab_good ${ab_good_A}
  else
    setenv ab_slot B; setenv ab_label ${ab_label_B}; setenv ab_good ${ab_good_B}
  fi
  setenv ab_go 1
  setenv ab_trial

  # Record the attempt: count down in the copy read above, write it over the older one.
  setenv ab_this 0
  if test ${ab_counted} = 1 && test ${ab_spent} = 0; then
    setenv ab_spent 1
    setenv ab_new_A ${ab_left_A}
    setenv ab_new_B ${ab_left_B}
    if test ${ab_refill} = 1; then
      if test ${ab_in_A} = 1 && test ${ab_good_A} = 1; then setenv ab_new_A ${ab_tries}; fi
      if test ${ab_in_B} = 1 && test ${ab_good_B} = 1; then setenv ab_new_B ${ab_tries}; fi
    fi
    if test ${ab_slot} = A; then setexpr ab_new_A ${ab_new_A} - 1; else setexpr ab_new_B ${ab_new_B} - 1; fi

    setenv ab_ready 0
    for ab_each in A B; do
      if test ${ab_each} = A; then
        setenv ab_new ${ab_new_A}; setenv ab_old ${ab_left_A}; setenv ab_from ${ab_from_A}; setenv ab_end ${ab_end_A}
      else
        setenv ab_new ${ab_new_B}; setenv ab_old ${ab_left_B}; setenv ab_from ${ab_from_B}; setenv ab_end ${ab_end_B}
      fi
      if test -n "${ab_from}" && itest ${ab_new} -ne ${ab_old}; then
        setexpr ab_width ${ab_end} - ${ab_from}
        setexpr ab_entry ${ab_from} - c
        setexpr ab_length ${ab_width} + d
        if itest ${ab_width} == 1 && itest ${ab_new} -gt f; then setenv ab_new f; fi
        setenv ab_rest ${ab_new}
        while itest ${ab_end} != ${ab_from}; do
          setexpr ab_end ${ab_end} - 1
          setexpr ab_digit ${ab_rest} % 10
          setexpr ab_rest ${ab_rest} / 10
          if itest ${ab_digit} -lt a; then setexpr ab_digit ${ab_digit} + 30; else setexpr ab_digit ${ab_digit} + 57; fi
          mw.b ${ab_end} ${ab_digit} 1
        done
        # U-Boot itself must read the number that was meant.
        env import -b ${ab_entry} ${ab_length}
        if test ${ab_each} = A; then setenv ab_digits ${BOOT_A_LEFT}; else setenv ab_digits ${BOOT_B_LEFT}; fi
        if itest "0${ab_digits}" == ${ab_new} && test ${ab_each} = ${ab_slot}; then setenv ab_ready 1; fi
      fi
    done

    if test ${ab_ready} = 1 && test -n "${ab_blk}"; then
      setexpr ab_serial ${ab_serial} + 1
      setexpr ab_serial ${ab_serial} % 100
      setexpr ab_p ${ab_raw} + 4
      mw.b ${ab_p} ${ab_serial} 1
      run ab_crc
      cp.b ${ab_t0} ${ab_raw} 4
      mw.b ${ab_back} 0 ${ab_env_size}
      if ${devtype} write ${ab_raw} ${ab_blk} ${ab_count} && ${devtype} read ${ab_back} ${ab_blk} ${ab_count} && cmp.b ${ab_raw} ${ab_back} ${ab_env_size}; then
        setenv ab_recorded 1
        setenv ab_this 1
        echo "abota: environment: copy ${ab_older} written and read back, serial ${ab_serial}"
      else
        echo "abota: environment: copy ${ab_older} cannot be written"
      fi
    elif test ${ab_ready} = 1; then
      echo "abota: environment: no room for copy ${ab_older}"
    else
      echo "abota: environment: no BOOT_${ab_slot}_LEFT that can be counted down"
    fi
  fi

  if test ${ab_slot} = A; then setenv ab_left ${ab_new_A}; else setenv ab_left ${ab_new_B}; fi
  if test "${ab_note}" = abota.env=lost; then
    echo "abota: slot ${ab_slot}: started without an environment"
  elif test ${ab_last} = 1 && test ${ab_counted} = 0; then
    # Not when an attempt was recorded: the next boot then goes on from there.
    if test ${ab_recorded} = 1; then
      setenv ab_go 0
    else
      setenv ab_note abota.env=exhausted
      setenv ab_trial abota.trial=1
      echo "abota: slot ${ab_slot}: nothing is confirmed and no attempt is left or can be recorded: started uncounted"
    fi
  elif test ${ab_this} = 1; then
    if test ${ab_good} = 1; then setenv ab_kind confirmed; else setenv ab_kind trial; setenv ab_trial abota.trial=1; fi
    echo "abota: slot ${ab_slot}: ${ab_kind}, attempt recorded, ${ab_left} left"
  elif test ${ab_good} = 1; then
    echo "abota: slot ${ab_slot}: confirmed, not counted this time"
  else
    setenv ab_go 0
    echo "abota: slot ${ab_slot}: trial, not started because the attempt cannot be recorded"
  fi

  # Load. A missing initrd, device tree or argument file is fine, an unreadable one is not.
  if test ${ab_go} = 1; then
    setenv ab_boot
    setenv ab_initrd -
    setenv ab_tree ${fdtcontroladdr}
    setenv ab_slot_args ${ab_default_args}
    if part number ${devtype} ${devnum} ${ab_label} ab_part && part uuid ${devtype} ${devnum}:${ab_part} ab_uuid; then
      setenv ab_from "${devtype} ${devnum}:${ab_part}"
      if test -e ${ab_from} /boot/Image; then
        if load ${ab_from} ${kernel_addr_r} /boot/Image; then setenv ab_boot booti; fi
      elif test -e ${ab_from} /boot/bzImage; then
        if load ${ab_from} ${kernel_addr_r} /boot/bzImage; then setenv ab_boot zboot; setenv ab_size ${filesize}; fi
      else
        if load ${ab_from} ${kernel_addr_r} /boot/zImage; then setenv ab_boot bootz; fi
      fi
      if test -n "${ab_boot}" && test -e ${ab_from} /boot/initrd; then
        if load ${ab_from} ${ab_initrd_addr} /boot/initrd; then setenv ab_initrd ${ab_initrd_addr}:${filesize}; else setenv ab_boot; fi
      fi
      if test "${ab_boot}" = zboot; then
        # It takes sizes, the initrd in two words, and no device tree.
        if test "${ab_initrd}" = -; then setenv ab_initrd "0 0"; else setenv ab_initrd "${ab_initrd_addr} ${filesize}"; fi
        setenv ab_initrd "${ab_size} ${ab_initrd}"
        setenv ab_tree
      elif test -n "${ab_boot}" && test -e ${ab_from} /boot/dtb; then
        if load ${ab_from} ${ab_fdt} /boot/dtb 80000 && itest ${filesize} -lt 80000; then
          setenv ab_tree ${ab_fdt}
        else
          setenv ab_boot
          echo "abota: slot ${ab_slot}: /boot/dtb cannot be read or is 512 KiB or more"
        fi
      fi
      if test -n "${ab_boot}" && test -e ${ab_from} /boot/abota.args; then
        setenv abota_args
        if load ${ab_from} ${ab_text} /boot/abota.args 800 && itest ${filesize} -lt 800; then
          env import -t ${ab_text} ${filesize} abota_args
          setenv ab_slot_args "${abota_args}"
        else
          setenv ab_boot
          echo "abota: slot ${ab_slot}: /boot/abota.args cannot be read or is 2 KiB or more"
        fi
      fi
    else
      echo "abota: slot ${ab_slot}: no partition ${ab_label} on ${devtype} ${devnum}"
    fi
    if test -n "${ab_boot}"; then
      setenv bootargs "${ab_common_args} root=PARTUUID=${ab_uuid} ${ab_slot_args} abota.slot=${ab_slot} abota.contract=1 ${ab_trial} ${ab_note}"
      echo "abota: slot ${ab_slot}: ${bootargs}"
      ${ab_boot} ${kernel_addr_r} ${ab_initrd} ${ab_tree}
      echo "abota: slot ${ab_slot}: U-Boot refuses its kernel"
    else
      echo "abota: slot ${ab_slot}: cannot be loaded"
    fi
  fi
done
echo "abota: no slot could be started: reset"
reset
