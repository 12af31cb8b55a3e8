# What is installed where, and the packages made of it: one component for each program. scripts/package.sh calls CPack; a
# tarball and `cmake --install` follow the same rules. Units and defaults know /etc, /var and /run: those do not move with
# the prefix.
set(ECE_UNIT_DIR lib/systemd/system)

# ece_compressed(OUTPUT INPUT): gzip without name and time, so that the same input gives the same package
function(ece_compressed output input)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/packaging
    COMMAND gzip -9nc ${input} > ${output}
    DEPENDS ${input} VERBATIM)
endfunction()

# ece_component(NAME CONFIG): everything of one program but the program itself
function(ece_component name config)
  set(out ${CMAKE_BINARY_DIR}/packaging)
  configure_file(systemd/${name}.service.in ${out}/${name}.service @ONLY)
  ece_compressed(${out}/${name}.8.gz ${CMAKE_SOURCE_DIR}/docs/man/${name}.8)
  ece_compressed(${out}/${name}.changelog.gz ${CMAKE_SOURCE_DIR}/packaging/${name}.changelog)
  add_custom_target(${name}_documents ALL DEPENDS ${out}/${name}.8.gz ${out}/${name}.changelog.gz)

  install(FILES ${out}/${name}.service DESTINATION ${ECE_UNIT_DIR} COMPONENT ${name})
  install(FILES systemd/${name}.sysusers DESTINATION lib/sysusers.d RENAME ${name}.conf COMPONENT ${name})
  install(FILES systemd/${name}.catalog DESTINATION lib/systemd/catalog COMPONENT ${name})
  install(FILES packaging/${config} DESTINATION /etc/${name} COMPONENT ${name})
  install(FILES scripts/completion/ece-programs.bash RENAME ${name}
    DESTINATION share/bash-completion/completions COMPONENT ${name})
  install(FILES ${out}/${name}.8.gz DESTINATION share/man/man8 COMPONENT ${name})
  install(FILES packaging/copyright DESTINATION share/doc/${name} COMPONENT ${name})
  install(FILES ${out}/${name}.changelog.gz RENAME changelog.gz DESTINATION share/doc/${name} COMPONENT ${name})
endfunction()

ece_component(ece-agent agent.conf)
ece_component(ece-coordinator coordinator.conf)
# what `elastic-cloud-enterprise.sh install` puts into the artifacts directory, for the hosts that join
install(PROGRAMS scripts/elastic-cloud-enterprise.sh DESTINATION share/ece-coordinator COMPONENT ece-coordinator)
install(FILES systemd/ece.slice systemd/ece-instances.slice DESTINATION ${ECE_UNIT_DIR} COMPONENT ece-agent)

set(CPACK_GENERATOR "DEB;TGZ")
set(CPACK_PACKAGE_VENDOR "the ${PROJECT_NAME} project")
set(CPACK_PACKAGE_CONTACT "${PROJECT_NAME} maintainers <maintainers@${PROJECT_NAME}.invalid>")
set(CPACK_PACKAGE_FILE_NAME "${PROJECT_NAME}-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR}")
set(CPACK_COMPONENTS_ALL ece-agent ece-coordinator)
set(CPACK_SET_DESTDIR ON) # /etc is no part of the prefix
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_ERROR_ON_ABSOLUTE_INSTALL_DESTINATION OFF)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# libjwt before this compares signatures in a time that depends on them (CVE-2024-25189); the next ones do not
if(LIBJWT_VERSION VERSION_LESS 1.17)
  set(jwt_with_fix ", libjwt0 (>= 1.10.2-1+deb12u1)")
endif()
foreach(component AGENT COORDINATOR)
  string(TOLOWER ${component} program)
  set(CPACK_DEBIAN_ECE-${component}_PACKAGE_NAME ece-${program})
  # for an installation where no systemd runs yet, such as an image; systemd-sysusers otherwise
  set(CPACK_DEBIAN_ECE-${component}_PACKAGE_DEPENDS "adduser${jwt_with_fix}")
  set(CPACK_DEBIAN_ECE-${component}_PACKAGE_SECTION admin)
  set(maintainer_scripts)
  foreach(script postinst prerm postrm)
    configure_file(packaging/${script}.in ${CMAKE_BINARY_DIR}/packaging/${program}/${script} @ONLY
      FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
    list(APPEND maintainer_scripts ${CMAKE_BINARY_DIR}/packaging/${program}/${script})
  endforeach()
  file(WRITE ${CMAKE_BINARY_DIR}/packaging/${program}/conffiles "/etc/ece-${program}/${program}.conf\n")
  set(CPACK_DEBIAN_ECE-${component}_PACKAGE_CONTROL_EXTRA
    ${maintainer_scripts} ${CMAKE_BINARY_DIR}/packaging/${program}/conffiles)
endforeach()
# Each component's first line is its package's summary: no common one before it.
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "")
set(CPACK_COMPONENT_ECE-AGENT_DESCRIPTION
"host agent that joins a node to an installation
ece-agent checks a roles token, proves the coordinator genuine, enrols this
host and from then on reports its memory and heartbeats as an allocator.
The service is installed and not started: it needs a coordinator and a token.")
set(CPACK_COMPONENT_ECE-COORDINATOR_DESCRIPTION
"coordinator of an installation of hosts
ece-coordinator makes and checks roles tokens, keeps the registry of hosts,
knows which of them are connected, and serves the platform API over HTTPS.
The service is installed and not started: its first start makes a new
installation.")
set(CPACK_DEBIAN_ECE-COORDINATOR_PACKAGE_RECOMMENDS ece-agent)
include(CPack)
