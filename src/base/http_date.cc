#include "base/http_date.h"

#include "base/strings.h"

namespace driveway {

std::optional<WallTime> parse_http_date(std::string_view text) {
  const auto parts = split(trim(text), ' ');
  if (parts.size() != 6 || parts[5] != "GMT") return std::nullopt;
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto month = kMonths.find(parts[2]);
  const auto time = split(parts[4], ':');
  const auto day = parse_uint(parts[1]);
  const auto year = parse_uint(parts[3]);
  if (parts[2].size() != 3 || month == std::string_view::npos || month % 3 != 0 || !day || !year ||
      *year > 9999 || time.size() != 3) {
    return std::nullopt;
  }
  const auto hour = parse_uint(time[0]);
  const auto minute = parse_uint(time[1]);
  const auto second = parse_uint(time[2]);
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || !hour || *hour > 23 || !minute || *minute > 59 || !second || *second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         std::chrono::seconds(*second);
}

}  // namespace driveway
