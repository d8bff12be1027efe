#include "cli/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/strings.h"

namespace driveway::cli {
namespace {

constexpr auto kLineEvery = std::chrono::seconds(10);
constexpr auto kRateOver = std::chrono::seconds(10);

std::string time_left(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 100) return cat(whole, " s left");
  if (whole < 100 * 60) return cat((whole + 59) / 60, " min left");
  return cat((whole + 3599) / 3600, " h left");
}

}  // namespace

Progress::Style Progress::style_for(bool quiet) {
  if (quiet) return Style::kSilent;
  return ::isatty(STDERR_FILENO) == 1 ? Style::kTerminal : Style::kLines;
}

Progress::Progress(Style style, Clock& clock, std::ostream& out)
    : style_(style), clock_(clock), out_(out), last_line_(clock.now()) {}

double Progress::rate(Bytes done) {
  const TimePoint now = clock_.now();
  seen_.emplace_back(now, done);
  while (seen_.size() > 2 && now - seen_[1].first >= kRateOver) seen_.pop_front();
  const double seconds = to_seconds(now - seen_.front().first);
  if (seconds <= 0 || done < seen_.front().second) return 0;
  return static_cast<double>(done - seen_.front().second) / seconds;
}

void Progress::show(const Amount& done, const Amount& all) {
  if (style_ == Style::kSilent) return;
  const double bytes_a_second = rate(done.bytes);
  if (style_ == Style::kLines && clock_.now() - last_line_ < kLineEvery) return;
  last_line_ = clock_.now();
  std::string text = cat(done.files, " of ", all.files, " files, ", format_size(done.bytes), " of ",
                         format_size(all.bytes));
  if (bytes_a_second >= 1) {
    text += cat(", ", format_size(static_cast<Bytes>(bytes_a_second)), "/s, ",
                time_left(static_cast<double>(all.bytes - std::min(all.bytes, done.bytes)) /
                          bytes_a_second));
  }
  if (style_ == Style::kTerminal) {
    write_over(text);
  } else {
    out_ << text << std::endl;
  }
}

void Progress::say(const std::string& text) {
  if (style_ == Style::kTerminal) write_over(text);
}

void Progress::write_over(const std::string& text) {
  const std::size_t rest = width_ > text.size() ? width_ - text.size() : 0;
  out_ << '\r' << text << std::string(rest, ' ') << std::flush;
  width_ = text.size();
}

void Progress::end() {
  if (std::exchange(width_, 0) > 0) out_ << std::endl;
}

}  // namespace driveway::cli
