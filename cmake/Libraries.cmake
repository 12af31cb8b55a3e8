# The third parties, each with the bounds that the code was written for. The reason for each stands in
# docs/architecture.md.
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET "libuv>=1.40")
pkg_check_modules(LIBCURL REQUIRED IMPORTED_TARGET "libcurl>=7.87")
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET "jansson>=2.13")
# libjwt 2 renames and 3 removes what common/codec/jwt_text.c calls.
pkg_check_modules(LIBJWT REQUIRED IMPORTED_TARGET "libjwt>=1.10" "libjwt<2")
pkg_check_modules(LIBSYSTEMD REQUIRED IMPORTED_TARGET "libsystemd>=247")
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET "openssl>=3.0")
pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET "libmicrohttpd>=0.9.75")
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET "gnutls>=3.7")
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET "sqlite3>=3.40")
pkg_check_modules(LIBCRYPT REQUIRED IMPORTED_TARGET "libcrypt>=4.4")
if(ECE_TESTS)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET "cmocka>=1.1.5")
endif()
