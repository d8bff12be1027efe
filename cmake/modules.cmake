# One folder of src/ = one module = one static library.
#
# driveway_module(NAME [USES module…] [USES_PRIVATELY module…] [LIBRARIES lib…] [PRIVATE_LIBRARIES lib…])
#
# A module sees its own headers and those of the modules it names, because each module's include
# path holds that module alone: an include that the layering forbids does not compile.
# USES: the used module's types stand in this module's headers (its users see them too).

function(driveway_module_include_dir name source_dir)
  set(dir ${CMAKE_BINARY_DIR}/include/${name})
  file(MAKE_DIRECTORY ${dir})
  file(CREATE_LINK ${source_dir} ${dir}/${name} SYMBOLIC)
endfunction()

function(driveway_module name)
  cmake_parse_arguments(ARG "" "" "USES;USES_PRIVATELY;LIBRARIES;PRIVATE_LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  driveway_module_include_dir(${name} ${CMAKE_CURRENT_SOURCE_DIR}/${name})
  if(sources)
    add_library(driveway_${name} STATIC ${sources})
    # Headers are read and templates made once for several files, which is most of the work without
    # optimization. Names in a module's unnamed namespaces must differ for it.
    if(DRIVEWAY_TOGETHER)
      set_target_properties(driveway_${name} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
    endif()
    set(public PUBLIC)
    set(private PRIVATE)
  else()
    add_library(driveway_${name} INTERFACE)
    set(public INTERFACE)
    set(private INTERFACE)
  endif()
  target_include_directories(driveway_${name} ${public} ${CMAKE_BINARY_DIR}/include/${name})
  list(TRANSFORM ARG_USES PREPEND driveway_)
  list(TRANSFORM ARG_USES_PRIVATELY PREPEND driveway_)
  target_link_libraries(driveway_${name}
    ${public} ${ARG_USES} ${ARG_LIBRARIES} Threads::Threads
    ${private} ${ARG_USES_PRIVATELY} ${ARG_PRIVATE_LIBRARIES})
endfunction()

# driveway_unit_test(MODULE [LIBRARIES lib…]): tests/unit/MODULE/*_test.cc as one program MODULE_test.
function(driveway_unit_test name)
  cmake_parse_arguments(ARG "" "" "LIBRARIES" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  if(DRIVEWAY_TOGETHER)
    set_target_properties(${name}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
  endif()
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(${name}_test PRIVATE -O0)  # compiled far more often than it is run
  target_link_libraries(${name}_test PRIVATE driveway_${name} ${ARG_LIBRARIES} GTest::gmock
    GTest::gtest_main)
  add_test(NAME unit.${name} COMMAND ${name}_test --gtest_brief=1)
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 300)
  add_dependencies(unit-tests ${name}_test)
endfunction()
