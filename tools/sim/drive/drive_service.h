// The simulated Google Drive v3: routes, authorisation, dispatch; state and its administration.
//
// Thread-safe. Facts: drive-api reference; §10 there is the checklist. With a data folder the state
// outlives the process: a snapshot is written by save(), and from start_snapshots() on also in
// between (see Options) and at the end. A process that is killed loses what came after the last
// snapshot.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/result.h"
#include "sim/admin/state_admin.h"
#include "sim/config.h"
#include "sim/net/service.h"
#include "sim/oauth/token_verifier.h"

namespace driveway::sim {

struct DriveOptions {
  std::filesystem::path data_dir;                        // empty: in memory only
  Duration snapshot_interval = std::chrono::seconds(5);  // where something has changed
  std::uint64_t seed = 1;                                // of the knobs that happen by chance
  std::string project = "driveway-sim";                  // whose appProperties seeds write
};

class DriveSim final : public Service, public StateAdmin {
 public:
  // Reads the snapshot of the data folder, if there is one. Errors: kCorrupt, kNotFound (a stored
  // content), kLocalDisk. All references must outlive it.
  static Result<std::unique_ptr<DriveSim>> create(ConfigStore& config, Clock& clock,
                                                  TokenVerifier& tokens, DriveOptions options);
  ~DriveSim() override;
  DriveSim(const DriveSim&) = delete;
  DriveSim& operator=(const DriveSim&) = delete;

  std::optional<CallInfo> classify(const RequestHead& head) override;
  void serve(const RequestHead& head, const CallInfo& info, BodyReader& body,
             Responder& responder) override;

  Result<nlohmann::json> create_account(const nlohmann::json& spec) override;
  Result<nlohmann::json> seed(const nlohmann::json& spec) override;
  Result<std::string> dump(const DumpRequest& request) override;
  bool ready() const override;

  // Until this is called only save() writes: a start that fails leaves the folder as it was.
  // Nothing without a data folder. REQUIRES: called once at most.
  void start_snapshots();
  // Writes the snapshot now. Nothing without a data folder. Errors: kLocalDisk, kNoSpace.
  Status save();

 private:
  class Impl;
  explicit DriveSim(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace driveway::sim
