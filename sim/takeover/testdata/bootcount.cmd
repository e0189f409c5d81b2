# U-Boot's counter of boots in the environment: it counts while upgrade_available is set, and
# beyond bootlimit altbootcmd is run in place of bootcmd.
setenv th_count 0
if test "${upgrade_available}" = 1; then setexpr th_count ${bootcount} + 0; fi
setexpr th_count ${th_count} + 1
if test "${upgrade_available}" = 1; then setenv bootcount ${th_count}; run th_save; fi
if itest ${bootlimit} -gt 0 && itest ${th_count} -gt ${bootlimit}; then
  run altbootcmd
else
  run th_bootcmd
fi
reset
