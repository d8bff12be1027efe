// Does this machine reach Google, by a connection that can be trusted, and is its clock right.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "doctor/finding.h"
#include "http/http_client.h"

namespace driveway::doctor {

// How far this machine's clock is ahead of a server's (negative: behind), to a second or so.
struct ClockReading {
  Duration ahead{};
  std::string by;         // the server's host
  bool verified = false;  // its certificate was checked
};

struct HostCheck {
  Finding finding;
  std::optional<ClockReading> clock;
};

// "www.googleapis.com" of "https://www.googleapis.com/x"; with the port where one is given.
std::string host_of(std::string_view url);
// The origins ("https://HOST[:PORT]") of `urls`, each once.
std::vector<std::string> origins_of(const std::vector<std::string>& urls);

struct Route {
  std::string roots;    // which certificates are trusted
  std::string proxy{};  // the variable that names one; empty = none
};
// One small request to `origin`: its name is resolved, it answers, and its certificate is good; by
// any HTTP answer, whatever it says. "network HOST".
HostCheck check_host(const Context& context, const std::string& origin, const Route& route,
                     http::HttpClient& http, Clock& clock);

// The time by plain HTTP, where a clock that is wrong lets no certificate be good.
std::optional<ClockReading> ask_time_plainly(const Context& context, const std::string& origin,
                                             http::HttpClient& http, Clock& clock);

// 60 s off: a warning; 300 s: a failure (certificates, and what Google signs, are good for a time).
// "clock".
Finding judge_clock(const std::optional<ClockReading>& reading);

}  // namespace driveway::doctor
