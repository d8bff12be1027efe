// The text forms of clock.h: RFC 3339 and the command line's durations.
#include <algorithm>
#include <array>
#include <cstdio>

#include "base/clock.h"
#include "base/strings.h"

namespace driveway {

namespace {

using std::chrono::milliseconds;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes text off its front.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_[0]; }
  bool eat(char c) {
    if (peek() != c || rest_.empty()) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `count` digits, their value at most `max`; -1 otherwise.
  int digits(std::size_t count, int max) {
    if (rest_.size() < count) return -1;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!is_digit(rest_[i])) return -1;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value <= max ? value : -1;
  }
  std::string_view run_of_digits() {
    std::size_t count = 0;
    while (count < rest_.size() && is_digit(rest_[count])) ++count;
    const std::string_view run = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return run;
  }

 private:
  std::string_view rest_;
};

std::optional<std::chrono::sys_days> scan_date(Scanner& in) {
  const int year = in.digits(4, 9999);
  if (year < 0 || !in.eat('-')) return std::nullopt;
  const int month = in.digits(2, 12);
  if (month < 1 || !in.eat('-')) return std::nullopt;
  const int day = in.digits(2, 31);
  if (day < 1) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date);
}

// Second 60, a leap second, is the first of the next minute, as POSIX time has it.
std::optional<milliseconds> scan_time(Scanner& in) {
  const int hour = in.digits(2, 23);
  if (hour < 0 || !in.eat(':')) return std::nullopt;
  const int minute = in.digits(2, 59);
  if (minute < 0 || !in.eat(':')) return std::nullopt;
  const int second = in.digits(2, 60);
  if (second < 0) return std::nullopt;
  int fraction_ms = 0;
  if (in.eat('.')) {
    const std::string_view fraction = in.run_of_digits();
    if (fraction.empty()) return std::nullopt;
    for (std::size_t i = 0; i < 3; ++i) {
      fraction_ms = fraction_ms * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
    }
  }
  return std::chrono::hours(hour) + std::chrono::minutes(minute) + std::chrono::seconds(second) +
         milliseconds(fraction_ms);
}

// What the zone is ahead of UTC.
std::optional<std::chrono::minutes> scan_zone(Scanner& in) {
  if (in.at_end() || in.eat('Z') || in.eat('z')) return std::chrono::minutes(0);
  const bool west = in.peek() == '-';
  if (!in.eat('+') && !in.eat('-')) return std::nullopt;
  const int hours = in.digits(2, 23);
  if (hours < 0 || !in.eat(':')) return std::nullopt;
  const int minutes = in.digits(2, 59);
  if (minutes < 0) return std::nullopt;
  const auto offset = std::chrono::minutes(hours * 60 + minutes);
  return west ? -offset : offset;
}

}  // namespace

Result<WallTime> parse_rfc3339(std::string_view text) {
  const Error error{ErrorCode::kInvalidArgument, cat("not an RFC 3339 time: '", text, "'")};
  Scanner in(text);
  const auto date = scan_date(in);
  if (!date || !(in.eat('T') || in.eat('t'))) return error;
  const auto time = scan_time(in);
  if (!time) return error;
  const auto zone = scan_zone(in);
  if (!zone || !in.at_end()) return error;
  return WallTime(*date) + *time - *zone;
}

std::string format_rfc3339(WallTime time) {
  // RFC 3339 has years of four digits.
  using std::chrono::sys_days;
  constexpr WallTime kFirst =
      sys_days(std::chrono::year(0) / std::chrono::January / 1) + milliseconds(0);
  constexpr WallTime kLast =
      sys_days(std::chrono::year(10000) / std::chrono::January / 1) - milliseconds(1);
  time = std::clamp(time, kFirst, kLast);
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  char buffer[96];
  std::snprintf(
      buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return buffer;
}

namespace {

struct DurationUnit {
  std::string_view name;
  Duration length;
};
// Largest first: a text must name them in this order, each at most once.
constexpr std::array<DurationUnit, 5> kDurationUnits = {{{"d", std::chrono::hours(24)},
                                                         {"h", std::chrono::hours(1)},
                                                         {"m", std::chrono::minutes(1)},
                                                         {"s", std::chrono::seconds(1)},
                                                         {"ms", std::chrono::milliseconds(1)}}};

// sum + count × unit, or nothing beyond 64 bits of nanoseconds (292 years).
std::optional<Duration> add_units(Duration sum, std::uint64_t count, Duration unit) {
  Duration::rep product = 0;
  Duration::rep total = 0;
  if (__builtin_mul_overflow(count, unit.count(), &product)) return std::nullopt;
  if (__builtin_add_overflow(sum.count(), product, &total)) return std::nullopt;
  return Duration(total);
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const Error error{ErrorCode::kInvalidArgument,
                    cat("not a duration: '", text, "' (write 90s, 5m, 1h30m, 250ms or 2d)")};
  Duration sum{0};
  std::size_t next_unit = 0;
  std::string_view rest = text;
  do {
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const auto count = parse_uint(rest.substr(0, digits));
    rest.remove_prefix(digits);
    std::string_view name = rest.substr(0, rest.find_first_of("0123456789"));
    rest.remove_prefix(name.size());
    // Only a bare number has no unit: the 30 of "1h30" could mean anything.
    if (name.empty() && next_unit == 0) name = "s";
    while (next_unit < kDurationUnits.size() && kDurationUnits[next_unit].name != name) ++next_unit;
    if (!count || next_unit == kDurationUnits.size()) return error;
    const auto total = add_units(sum, *count, kDurationUnits[next_unit++].length);
    if (!total) return error;
    sum = *total;
  } while (!rest.empty());
  return sum;
}

}  // namespace driveway
