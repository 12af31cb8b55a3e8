# Warnings, sanitizers and hardening, as the one INTERFACE target that every target of ours links.
option(ECE_TESTS "Build the tests" ON)
option(ECE_BENCH "Build the programs of scripts/bench.sh" OFF)
option(ECE_WERROR "Warnings are errors" OFF)
option(ECE_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(ECE_FUZZ "Build the libFuzzer programs of tests/fuzz; needs clang, includes ECE_SANITIZE" OFF)
if(ECE_FUZZ)
  set(ECE_SANITIZE ON)
endif()

add_library(project_options INTERFACE)
target_include_directories(project_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_definitions(project_options INTERFACE _GNU_SOURCE)
target_compile_options(project_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wstrict-prototypes
  -Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Walloca -Wcast-qual -Wwrite-strings
  -Wpointer-arith -Wredundant-decls -Wdate-time -Wdouble-promotion -fno-common -fvisibility=hidden
  $<$<C_COMPILER_ID:GNU>:-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wcast-align=strict>
  $<$<BOOL:${ECE_WERROR}>:-Werror>)
if(ECE_SANITIZE)
  target_compile_options(project_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1)
  target_link_options(project_options INTERFACE -fsanitize=address,undefined)
  target_compile_options(project_options INTERFACE $<$<BOOL:${ECE_FUZZ}>:-fsanitize=fuzzer-no-link>)
else()
  target_compile_options(project_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fPIE
    $<$<CONFIG:Release>:-O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  target_link_options(project_options INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed)
endif()

# What the programs say of themselves.
find_package(Git QUIET)
set(ECE_COMMIT "unknown")
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} rev-parse --short=12 HEAD
    WORKING_DIRECTORY ${CMAKE_SOURCE_DIR} OUTPUT_VARIABLE ECE_COMMIT_OUT
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE ECE_COMMIT_RC)
  if(ECE_COMMIT_RC EQUAL 0)
    set(ECE_COMMIT ${ECE_COMMIT_OUT})
  endif()
endif()
configure_file(${CMAKE_SOURCE_DIR}/common/base/version.h.in ${CMAKE_BINARY_DIR}/generated/version.h)
