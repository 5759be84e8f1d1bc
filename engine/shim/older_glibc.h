// Binds functions that glibc 2.34 moved between its libraries (and gave a new version) to their
// older versions, so that libcorun.so loads where glibc is 2.28. Include it wherever one is used.
#pragma once

// NOLINTBEGIN(hicpp-no-assembler)
asm(".symver dlvsym,dlvsym@GLIBC_2.2.5");
asm(".symver dlopen,dlopen@GLIBC_2.2.5");
asm(".symver dlclose,dlclose@GLIBC_2.2.5");
asm(".symver pthread_create,pthread_create@GLIBC_2.2.5");
asm(".symver pthread_mutex_trylock,pthread_mutex_trylock@GLIBC_2.2.5");
asm(".symver pthread_detach,pthread_detach@GLIBC_2.2.5");
// NOLINTEND(hicpp-no-assembler)
