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

}  // namespace driveway::drive
