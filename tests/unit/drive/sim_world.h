// DriveStore against the simulator: real HTTP, and a second client that speaks the same API in
// plain requests, written for this test alone.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "unit/drive/world.h"

namespace driveway::drive {

// A world on the one simulator that all tests of this program share (started at first use). `wrap`
// may decorate the store or keep it for itself; nullptr: the bare DriveStore. Null if the simulator
// did not start (the test has failed then).
using WrapStore = std::function<std::unique_ptr<RemoteStore>(std::unique_ptr<RemoteStore>, Clock&)>;
std::unique_ptr<World> make_sim_world(const WrapStore& wrap);

// What /__sim/PATH of that simulator answers; nothing (and the test has failed) if it refuses.
std::string ask_simulator(const std::string& method, const std::string& path,
                          const std::string& body);

// Faults of that simulator, as long as this object lives. `patch`: as PATCH /__sim/config takes it.
class Misbehaviour {
 public:
  explicit Misbehaviour(const std::string& patch) { ask_simulator("PATCH", "config", patch); }
  ~Misbehaviour() { ask_simulator("PATCH", "config", kNone); }
  Misbehaviour(const Misbehaviour&) = delete;
  Misbehaviour& operator=(const Misbehaviour&) = delete;

 private:
  static constexpr const char* kNone =
      R"({"faults":{"error_5xx":0,"error_429":0,"error_403_rate":0,"plain_error_bodies":false,
          "retry_after":false,"reset":0,"truncate":0,"wrong_range":0,"dead":false,"refuse":false,
          "stall":0,"upload_reset":0,"lost_answer":0,"path_prefix":"","budget":-1},
          "drive":{"short_page":0,"session_gone":0,"upload_cap_reached":false}})";
};

}  // namespace driveway::drive
