// How far a command is (design: the commands): on a terminal one line that is written over and
// over, elsewhere a line every 10 s.
#pragma once

#include <cstdint>
#include <deque>
#include <ostream>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/clock.h"

namespace driveway::cli {

struct Amount {
  std::uint64_t files = 0;
  Bytes bytes = 0;
};

// Not thread-safe.
class Progress {
 public:
  enum class Style { kSilent, kTerminal, kLines };
  // What suits standard error.
  static Style style_for(bool quiet);

  Progress(Style style, Clock& clock, std::ostream& out);

  // "3 of 12 files, 1.5 GiB of 4 GiB, 180 MiB/s, 14 s left". Calls come as often as they like.
  void show(const Amount& done, const Amount& all);
  // The same with own words, on a terminal only: for what comes before there is anything to count.
  void say(const std::string& text);
  // What is written next begins on a line of its own.
  void end();

 private:
  double rate(Bytes done);  // bytes a second, over the last 10 s
  void write_over(const std::string& text);

  const Style style_;
  Clock& clock_;
  std::ostream& out_;
  std::deque<std::pair<TimePoint, Bytes>> seen_;
  TimePoint last_line_;
  std::size_t width_ = 0;  // of the line on the terminal
};

}  // namespace driveway::cli
