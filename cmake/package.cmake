# `cmake --install` and a .deb by CPack: the program, the agent, plans and systems, documents, man page, completions.
include(GNUInstallDirs)
set(pages ${PROJECT_BINARY_DIR}/share)
add_custom_command(
  OUTPUT ${pages}/shaketable.1 ${pages}/shaketable ${pages}/_shaketable
  COMMAND ${CMAKE_COMMAND} -E make_directory ${pages}
  COMMAND shaketable man > ${pages}/shaketable.1
  COMMAND shaketable completion bash > ${pages}/shaketable
  COMMAND shaketable completion zsh > ${pages}/_shaketable
  DEPENDS shaketable
  VERBATIM)
add_custom_target(pages ALL DEPENDS ${pages}/shaketable.1 ${pages}/shaketable ${pages}/_shaketable)

install(TARGETS shaketable RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS shaketable-agent RUNTIME DESTINATION lib/shaketable)
foreach(compiler ${SHAKETABLE_AGENT_CROSS})
  string(REGEX REPLACE ".*/|-.*" "" machine ${compiler})
  install(PROGRAMS ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}/shaketable-agent-${machine} DESTINATION lib/shaketable)
endforeach()
install(DIRECTORY configs DESTINATION ${CMAKE_INSTALL_DATADIR}/shaketable)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${pages}/shaketable.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${pages}/shaketable DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES ${pages}/_shaketable DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME shaketable)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "fault-injection tests of distributed systems, with proof and undo of every fault")
set(CPACK_PACKAGE_CONTACT "the shaketable authors <shaketable@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "openssh-client")
# What the embedded lab needs; runs against nodes of one's own do without.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "iproute2, util-linux, e2fsprogs, openssh-server, uidmap, user-mode-linux")
include(CPack)
