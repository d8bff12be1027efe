#include "doctor/network_checks.h"

#include <algorithm>
#include <utility>

#include "base/http_date.h"
#include "base/strings.h"

namespace driveway::doctor {
namespace {

constexpr std::string_view kNetwork = "network";
constexpr std::string_view kClock = "clock";
constexpr std::string_view kHttps = "https://";

constexpr auto kWarnFrom = std::chrono::seconds(60);
constexpr auto kFailFrom = std::chrono::seconds(300);
// A Date header has whole seconds, cut off.
constexpr auto kHalfSecond = std::chrono::milliseconds(500);
constexpr Bytes kLongestAnswer = 1 * kMiB;

// Google's hosts answer it with 204 and nothing else; any answer will do.
constexpr std::string_view kPath = "/generate_204";

http::Request request_to(const std::string& origin) {
  http::Request request;
  request.url = cat(origin, kPath);
  request.max_body = kLongestAnswer;
  return request;
}

std::optional<ClockReading> reading_of(const http::Response& response, WallTime asked,
                                       WallTime answered, const std::string& origin) {
  const std::string* const date = response.header("date");
  const auto at = date == nullptr ? std::nullopt : parse_http_date(*date);
  if (!at) return std::nullopt;
  const auto middle = asked + (answered - asked) / 2;
  return ClockReading{.ahead = middle - (*at + kHalfSecond),
                      .by = host_of(origin),
                      .verified = origin.starts_with(kHttps)};
}

// curl -v, for a look at where it stops; it takes the same proxy variables.
std::string network_remedy(const Error& error, const std::string& origin, const Route& route) {
  const std::string host = host_of(origin);
  if (error.code == ErrorCode::kCorrupt && !error.retryable) {
    return "set the clock if it is wrong; if a proxy or virus scanner of your network stands "
           "between, set SSL_CERT_FILE to a bundle that has its CA; else: apt-get install "
           "--reinstall ca-certificates";
  }
  const std::string proxy =
      route.proxy.empty()
          ? "in Kaggle and the like switch the internet on; behind a proxy set HTTPS_PROXY"
          : cat("see that the proxy in ", route.proxy, " is right, or unset it");
  return cat(proxy, "; where it stops is told by: getent hosts ", host.substr(0, host.find(':')),
             "; curl -v ", origin, "/");
}

std::string without_milliseconds(Duration duration) {
  const auto seconds = std::chrono::round<std::chrono::seconds>(duration).count();
  if (seconds < 600) return cat(seconds, " s");
  if (seconds < 2 * 3600) return cat(seconds / 60, " min");
  if (seconds < 2 * 86400) return cat(seconds / 3600, " h");
  return cat(seconds / 86400, " days");
}

}  // namespace

std::string host_of(std::string_view url) {
  const auto scheme = url.find("://");
  if (scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
  return std::string(url);
}

std::vector<std::string> origins_of(const std::vector<std::string>& urls) {
  std::vector<std::string> origins;
  for (const std::string& url : urls) {
    const std::string scheme = url.substr(0, url.find("://"));
    std::string origin = cat(to_lower(scheme), "://", to_lower(host_of(url)));
    if (std::find(origins.begin(), origins.end(), origin) == origins.end()) {
      origins.push_back(std::move(origin));
    }
  }
  return origins;
}

HostCheck check_host(const Context& context, const std::string& origin, const Route& route,
                     http::HttpClient& http, Clock& clock) {
  const std::string name = cat(kNetwork, " ", host_of(origin));
  const TimePoint started = clock.now();
  const WallTime asked = clock.wall_now();
  const auto answer = http.fetch(context, request_to(origin));
  if (answer.failed_with(ErrorCode::kCancelled)) return {not_checked(name, "interrupted"), {}};
  if (answer.failed_with(ErrorCode::kDeadlineExceeded)) {
    const std::string found = cat("no answer within ", without_milliseconds(clock.now() - started));
    return {fail(name, found, network_remedy(answer.error(), origin, route)), {}};
  }
  if (!answer.ok()) {
    return {fail(name, answer.error().to_string(), network_remedy(answer.error(), origin, route)),
            {}};
  }
  const auto taken =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.now() - started).count();
  const std::string trust = origin.starts_with(kHttps)
                                ? cat("its certificate is good by ", route.roots)
                                : std::string("without TLS (http://)");
  return {ok(name, cat("answers in ", taken, " ms; ", trust)),
          reading_of(*answer, asked, clock.wall_now(), origin)};
}

std::optional<ClockReading> ask_time_plainly(const Context& context, const std::string& origin,
                                             http::HttpClient& http, Clock& clock) {
  const std::string host = host_of(origin);
  const std::string plain = cat("http://", host.substr(0, host.find(':')));
  const WallTime asked = clock.wall_now();
  const auto answer = http.fetch(context, request_to(plain));
  if (!answer.ok()) return std::nullopt;
  return reading_of(*answer, asked, clock.wall_now(), plain);
}

Finding judge_clock(const std::optional<ClockReading>& reading) {
  if (!reading) return not_checked(kClock, "no host told the time");
  const bool behind = reading->ahead < Duration::zero();
  const Duration off = behind ? -reading->ahead : reading->ahead;
  std::string found =
      cat("within ", without_milliseconds(std::max<Duration>(off, std::chrono::seconds(1))), " of ",
          reading->by);
  if (off >= kWarnFrom) {
    found = cat(without_milliseconds(off), behind ? " behind " : " ahead of ", reading->by);
  }
  if (!reading->verified) found += " (an answer without TLS)";
  if (off < kWarnFrom) return ok(kClock, std::move(found));
  const std::string remedy =
      "set it, as root: timedatectl set-ntp true, or chronyc makestep; in a container set the "
      "host's";
  return off < kFailFrom ? warn(kClock, std::move(found), remedy)
                         : fail(kClock, std::move(found), remedy);
}

}  // namespace driveway::doctor
