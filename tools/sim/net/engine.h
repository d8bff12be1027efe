// What all connections of one simulator share.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "sim/config.h"
#include "sim/net/faults.h"
#include "sim/net/pacer.h"
#include "sim/net/quota.h"
#include "sim/net/service.h"
#include "sim/net/traffic.h"

namespace driveway::sim {

// Thread-safe, as its parts are; `services` is complete before the server starts, and asked in its
// order. REQUIRES: the store, the clock and the services live longer.
struct Engine {
  Engine(ConfigStore& config_store, Clock& system_clock)
      : config(config_store), clock(system_clock), waiter(system_clock), traffic(system_clock) {
    config.on_change([this] {
      faults.renew_budget();
      waiter.notify();
    });
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  ConfigStore& config;
  Clock& clock;
  Waiter waiter;
  RateLimiter download;  // over all connections
  RateLimiter upload;
  QuotaKeeper quota;
  FaultInjector faults;
  Traffic traffic;
  std::vector<Service*> services;
  std::atomic<std::uint64_t> requests{0};     // the number of the last one
  std::atomic<std::uint64_t> connections{0};  // likewise
};

// Paths below are the simulator's own: no latency, no quota, no faults, not in the statistics.
inline constexpr std::string_view kAdminPrefix = "/__sim/";

}  // namespace driveway::sim
