# What is installed where, for the packages (debian/) and the tarball alike. Components: those with the
# name of a program work from any folder; driveway-system is what a system has to be told of.
include(GNUInstallDirs)
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# Made by asking the programs for their --help, so that it says what they do.
set(generated ${CMAKE_BINARY_DIR}/generated)
file(GLOB generators CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/packaging/*.py
  ${PROJECT_SOURCE_DIR}/docs/man/*.in)
add_custom_command(OUTPUT ${generated}/stamp
  COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tools/packaging/generate.py
    $<TARGET_FILE_DIR:driveway> ${generated}
  COMMAND ${CMAKE_COMMAND} -E touch ${generated}/stamp
  DEPENDS driveway driveway-sim google-drive-ocamlfuse ${generators} ${PROJECT_SOURCE_DIR}/debian/changelog)
# All that the packages hold.
add_custom_target(packaged DEPENDS ${generated}/stamp)

foreach(program driveway driveway-sim google-drive-ocamlfuse)
  install(TARGETS ${program} RUNTIME COMPONENT ${program})
  install(FILES ${generated}/man/${program}.1
    DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT ${program})
  install(FILES ${generated}/completions/bash/${program}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT ${program})
  install(FILES ${generated}/completions/zsh/_${program}
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT ${program})
  install(FILES ${generated}/completions/fish/${program}.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT ${program})
endforeach()

# They have links to each other.
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/driveway COMPONENT driveway)
install(DIRECTORY docs DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/driveway COMPONENT driveway
  FILES_MATCHING PATTERN "*.md" PATTERN man EXCLUDE)
install(FILES ${generated}/man/mount.fuse.driveway.8
  DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT driveway-system)
install(FILES ${PROJECT_SOURCE_DIR}/tools/packaging/driveway@.service
  DESTINATION lib/systemd/user COMPONENT driveway-system)
install(DIRECTORY DESTINATION ${CMAKE_INSTALL_SBINDIR} COMPONENT driveway-system)
# mount(8) looks for its helpers in /sbin, which is /usr/sbin.
install(CODE "file(CREATE_LINK ../bin/driveway
  \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}/mount.fuse.driveway\" SYMBOLIC)"
  COMPONENT driveway-system)
