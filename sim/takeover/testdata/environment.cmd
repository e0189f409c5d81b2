# What U-Boot's own driver does with a redundant environment: both copies are read from the
# partition uboot-env, and the newer valid one is imported. th_vars are the variables.
setenv th_raw0 41000000
setenv th_raw1 41010000
setenv th_tst 41100000
setenv th_new 41200000
part start virtio 0 uboot-env th_at0
setexpr th_at1 ${th_at0} + 2000
virtio read ${th_raw0} ${th_at0} 20
virtio read ${th_raw1} ${th_at1} 20
setenv th_ok0 0
setenv th_ok1 0
cp.b ${th_raw0} ${th_tst} 4
cp.b 41000005 41100004 3ffb
if env import -c ${th_tst} 3fff th_none; then setenv th_ok0 1; fi
cp.b ${th_raw1} ${th_tst} 4
cp.b 41010005 41100004 3ffb
if env import -c ${th_tst} 3fff th_none; then setenv th_ok1 1; fi
setexpr.b th_n0 *41000004
setexpr.b th_n1 *41010004
setenv th_cur 0
if test ${th_ok1} = 1; then
  if test ${th_ok0} = 0; then setenv th_cur 1;
  elif itest ${th_n0} == ff && itest ${th_n1} == 0; then setenv th_cur 1;
  elif itest ${th_n0} == 0 && itest ${th_n1} == ff; then setenv th_cur 0;
  elif itest ${th_n1} -gt ${th_n0}; then setenv th_cur 1;
  fi
fi
if test ${th_cur} = 0; then setenv th_n ${th_n0}; else setenv th_n ${th_n1}; fi
if test ${th_cur} = 0; then cp.b ${th_raw0} ${th_tst} 4; cp.b 41000005 41100004 3ffb; else cp.b ${th_raw1} ${th_tst} 4; cp.b 41010005 41100004 3ffb; fi
env import -c ${th_tst} 3fff ${th_vars}
# saveenv: the other copy, one serial number on.
setenv th_save 'setexpr th_n ${th_n} + 1; setexpr th_n ${th_n} % 100; mw.b ${th_new} 0 4000; env export -c -s 3fff ${th_tst} ${th_vars}; cp.b ${th_tst} ${th_new} 4; mw.b 41200004 ${th_n} 1; cp.b 41100004 41200005 3ffb; if test ${th_cur} = 0; then virtio write ${th_new} ${th_at1} 20; setenv th_cur 1; else virtio write ${th_new} ${th_at0} 20; setenv th_cur 0; fi'
# th_boot: starts what lies in partition th_part.
setenv th_boot 'setenv bootargs console=ttyAMA0 root=/dev/vda${th_part} ${th_args}; if load virtio 0:${th_part} ${kernel_addr_r} /boot/Image; then booti ${kernel_addr_r} - ${fdtcontroladdr}; fi; echo the kernel does not start; reset'
