// Work whose crash is a result: a process of its own does it.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <string>

namespace driveway {

// What `work` returns, or that it crashed or took longer than a minute. It is done by a fork of
// this program, whose other threads must have ended; what it prints to stderr is dropped.
inline std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) std::abort();
  const pid_t child = ::fork();
  if (child < 0) std::abort();
  if (child == 0) {
    ::close(ends[0]);
    ::close(STDERR_FILENO);
    ::alarm(60);
    const std::string result = work() + '\n';  // so that its end shows that it is whole
    const bool told =
        ::write(ends[1], result.data(), result.size()) == static_cast<ssize_t>(result.size());
    ::_exit(told ? 0 : 1);
  }
  ::close(ends[1]);
  std::string result;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t count = ::read(ends[0], part.data(), part.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    result.append(part.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0 || !result.ends_with('\n')) return "it crashes";
  result.pop_back();
  return result;
}

}  // namespace driveway
