// The daemon's control socket and its clients. The socket is the owner's alone: mode 0600 in a 0700
// folder, and a peer of another user is turned away.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/file.h"
#include "base/result.h"
#include "control/dispatcher.h"

namespace driveway::control {

// $XDG_RUNTIME_DIR/driveway, else /tmp/driveway-UID; made if missing. Errors: as
// make_private_directory.
Result<std::filesystem::path> runtime_directory();
// Where daemons of this user may listen: there, and where those do that were started with another
// environment, at boot say, or in a session. Only folders that exist and are this user's.
std::vector<std::filesystem::path> runtime_directories();

// Answers requests until it is destroyed. One thread a connection; at most 32 requests that may
// wait for Drive at a time, others are refused with kBusy; status, mount and unmount always get
// through. What a client asked for that has gone (or shut down its end) is cancelled.
class Server {
 public:
  // Listens on `folder`/PID.sock. `dispatcher` must outlive it.
  static Result<std::unique_ptr<Server>> start(const std::filesystem::path& folder,
                                               Dispatcher& dispatcher, Clock& clock);
  // Lets answers that are due within a second go out, cancels what runs then, removes the socket.
  virtual ~Server() = default;
};

// A connection to a daemon. Not thread-safe.
class Client {
 public:
  // Errors: kNotFound (nobody listens there; a dead socket file is removed).
  static Result<Client> connect(const std::filesystem::path& socket, Clock& clock);

  // Sends `request`, hands the answer to `reply`, returns the daemon's Status.
  Status call(const Context& context, const nlohmann::json& request, Reply& reply);
  // How long each part of an answer may take; forever, if not set.
  void set_patience(Duration patience) { patience_ = patience; }
  // The same, for an answer of one document (null if none came).
  Result<nlohmann::json> ask(const Context& context, const nlohmann::json& request);

 private:
  Client(UniqueFd fd, Clock& clock) : fd_(std::move(fd)), clock_(&clock) {}
  UniqueFd fd_;
  Clock* clock_;
  std::optional<Duration> patience_;
};

// A daemon that answers.
struct Daemon {
  std::filesystem::path socket;
  int pid = 0;
  std::string account;
  std::string permission_id;
  std::vector<std::string> mountpoints;
  std::string cache_dir;
  std::string layout{};  // "colab" or "root"

  bool is_mounted_at(const std::string& mountpoint) const;
};

// All daemons of this user, by asking each socket in `folder`. One that does not answer within 2 s
// is left out.
std::vector<Daemon> find_daemons(const std::filesystem::path& folder, Clock& clock);

// Waits until process `pid` (a daemon that was told to unmount) has exited: only then its cache
// folder is free.
Status wait_for_exit(const Context& context, Clock& clock, int pid);

}  // namespace driveway::control
