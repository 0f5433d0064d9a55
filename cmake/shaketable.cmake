# Compiler flags and the two helpers that every folder uses.

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror=return-type -Werror=unused-result
                    -fno-omit-frame-pointer)
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")
if(SHAKETABLE_SANITIZE)
  add_compile_options(-fsanitize=${SHAKETABLE_SANITIZE})
  add_link_options(-fsanitize=${SHAKETABLE_SANITIZE})
endif()
if(SHAKETABLE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -O1)
  add_link_options(-fsanitize=address,undefined)
endif()

# shaketable_library(NAME [libraries…]): a static library of the .cpp files of the current folder (not of its
# subfolders, and not main.cpp, which belongs to a program). Includes are written from the repository's root.
function(shaketable_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(${name} STATIC ${sources})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${ARGN})
endfunction()

# shaketable_test(FOLDER LABEL [TOGETHER|ALONE] [libraries…]): one Catch2 program, test_<folder>, of tests/FOLDER/*.cpp,
# every case a ctest of its own. TOGETHER: all cases are one ctest, because what they share is dear to make. ALONE: nothing
# else runs beside them, because they look at the whole machine.
function(shaketable_test folder label)
  cmake_parse_arguments(run "TOGETHER;ALONE" "" "" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*.cpp)
  if(NOT sources)
    return()
  endif()
  string(REPLACE "/" "_" name "test_${folder}")
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE catch_main ${run_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE SHAKETABLE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
                                             SHAKETABLE_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  if(run_TOGETHER)
    add_test(NAME "${folder}" COMMAND ${name} --durations yes)
    # The longest first, so that the others run beside it.
    set_tests_properties("${folder}" PROPERTIES LABELS ${label} TIMEOUT 2400 COST 1500)
  elseif(run_ALONE)
    catch_discover_tests(${name} TEST_PREFIX "${folder}: " PROPERTIES LABELS ${label} TIMEOUT 300 RUN_SERIAL TRUE)
  else()
    catch_discover_tests(${name} TEST_PREFIX "${folder}: " PROPERTIES LABELS ${label} TIMEOUT 300)
  endif()
endfunction()

# shaketable_embed(TARGET HEADER NAMESPACE files…): defines the files' bytes, which HEADER declares in NAMESPACE as
# `extern const std::string_view style_css` for style.css.
function(shaketable_embed target header namespace)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/assets.cpp)
  list(TRANSFORM ARGN PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/)
  string(REPLACE ";" "," files "${ARGN}")
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${output} -DHEADER=${header} -DNAMESPACE=${namespace} "-DFILES=${files}" -P
            ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${ARGN} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
