# cmake -DNPM=… -DFROM=… -DINTO=… -P: uPlot into INTO/node_modules, and INTO/stamp. Never fails: what is missing is
# said, and the report does without.
file(REMOVE_RECURSE ${INTO})
file(MAKE_DIRECTORY ${INTO})
if(NPM)
  file(COPY ${FROM}/package.json ${FROM}/package-lock.json DESTINATION ${INTO})
  execute_process(
    COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-timeout=20000
    WORKING_DIRECTORY ${INTO}
    TIMEOUT 90
    RESULT_VARIABLE result
    OUTPUT_VARIABLE said
    ERROR_VARIABLE said)
  if(NOT result EQUAL 0)
    file(REMOVE_RECURSE ${INTO}/node_modules)
    message("uPlot could not be fetched, so reports will have plain SVG plots; to try again: rm ${INTO}/stamp\n${said}")
  endif()
else()
  message("npm is not installed, so reports will have plain SVG plots (scripts/packages run plots installs it)")
endif()
file(WRITE ${INTO}/stamp "${result}\n")
