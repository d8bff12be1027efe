// A whole simulator: Drive, OAuth, metadata server and admin endpoints behind one server. The
// program driveway-sim is this class and a command line; tests start it in their own process.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "sim/admin/state_admin.h"
#include "sim/admin/token_admin.h"
#include "sim/config.h"
#include "sim/net/engine.h"
#include "sim/net/server.h"

namespace driveway::sim {

struct SimOptions {
  // The first plain and the first TLS address are the ones that the URLs name.
  std::vector<ListenAddress> listen = {{"127.0.0.1", 0, false}, {"127.0.0.1", 0, true}};
  // What is to survive a restart: accounts, trees, contents, the CA. Empty: nothing does.
  std::filesystem::path data_dir;
  std::vector<std::string> accounts = {"demo@example.com"};  // the first one is the default
  // JSON texts as StateAdmin::seed takes them; with a data folder, each one once in its life.
  std::vector<std::string> seeds;
  Config config;
  // POST /__sim/stop was called. Called on a connection's thread: must not wait for the simulator.
  std::function<void()> on_stop = [] {};
};

// Thread-safe. Serves from start() until stop() or its destruction.
class SimServer {
 public:
  // Returns when it listens and the seeds are applied; hashes of seeded content may still be
  // computed (state().ready()). A data folder belongs to one simulator at a time; of a seed that
  // fails it keeps nothing. REQUIRES: `clock` lives longer. Errors: of the addresses, a seed, the
  // data folder (kBusy: another simulator's).
  static Result<std::unique_ptr<SimServer>> start(SimOptions options, Clock& clock);
  static Result<std::unique_ptr<SimServer>> start(SimOptions options);  // the system's clock
  ~SimServer();
  SimServer(const SimServer&) = delete;
  SimServer& operator=(const SimServer&) = delete;

  std::string http_url() const;   // "http://127.0.0.1:PORT"; "" without a plain address
  std::string https_url() const;  // "https://localhost:PORT"; "" without a TLS address
  const std::filesystem::path& ca_path() const;

  ConfigStore& config();
  Engine& engine();
  StateAdmin& state();
  TokenAdmin& tokens();

  // Cuts all connections and joins all threads; what is to persist is written. Idempotent.
  void stop();

 private:
  struct Parts;
  explicit SimServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace driveway::sim
