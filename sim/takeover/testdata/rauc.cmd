# RAUC in U-Boot: the first slot in BOOT_ORDER with tries left is started, one less is saved.
test -n "${BOOT_ORDER}" || setenv BOOT_ORDER "A B"
test -n "${BOOT_A_LEFT}" || setenv BOOT_A_LEFT 3
test -n "${BOOT_B_LEFT}" || setenv BOOT_B_LEFT 3
setenv th_part
for th_slot in ${BOOT_ORDER}; do
  if test -z "${th_part}" && test ${th_slot} = A && itest ${BOOT_A_LEFT} -gt 0; then
    setexpr BOOT_A_LEFT ${BOOT_A_LEFT} - 1
    setenv th_part 3
    setenv th_args rauc.slot=A
  fi
  if test -z "${th_part}" && test ${th_slot} = B && itest ${BOOT_B_LEFT} -gt 0; then
    setexpr BOOT_B_LEFT ${BOOT_B_LEFT} - 1
    setenv th_part 4
    setenv th_args rauc.slot=B
  fi
done
if test -z "${th_part}"; then
  setenv BOOT_A_LEFT 3
  setenv BOOT_B_LEFT 3
  run th_save
  reset
fi
run th_save
run th_boot
