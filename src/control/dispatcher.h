// The requests of the commands, answered from a Vfs: by the daemon over its socket, or inside the
// command itself where no daemon runs. One implementation, so both say the same.
//
// A request is a JSON object with "op"; an answer is any number of JSON documents and pieces of
// bytes, then a Status.
//   {"op":"hello"}                    →
//   {"pid","version","account","permission_id","mountpoint","cache_dir"}
//   {"op":"status"}                   → one document, see docs/METRICS.md
//   {"op":"about"}                    → one document
//   {"op":"ls", REMOTE}               → one document an entry
//   {"op":"stat", REMOTE}             → one document
//   {"op":"cat", REMOTE}              → {"size"}, then the bytes
//   {"op":"unmount","force":bool,"timeout_ms":N} → {"unmounted":mountpoint}
// REMOTE is {"path":"a/b"} (My Drive), {"path":"a/b","team":"NAME"} (a shared drive), {"id":"ID"},
// or {"shown":"MyDrive/a/b"} (a path below the mountpoint).
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/metrics.h"
#include "base/result.h"
#include "vfs/vfs.h"

namespace driveway::control {

// Takes an answer, piece by piece. An error (the asker has gone) ends the request.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual Status document(const nlohmann::json& document) = 0;
  virtual Status bytes(std::span<const std::byte> data) = 0;
};

// Who answers.
struct Identity {
  std::string account;  // the login's name
  std::string permission_id;
  std::string mountpoint;  // empty where nothing is mounted
  std::string cache_dir;
  tree::Layout layout = tree::Layout::kColab;
};

// Thread-safe.
class Dispatcher {
 public:
  // Unmounts, waiting at most until the context ends while files are open. Errors: kBusy.
  using Unmount = std::function<Status(const Context& context, bool force)>;

  // `unmount` may be empty: nothing is mounted.
  Dispatcher(Identity identity, vfs::Vfs& vfs, Clock& clock, Metrics& metrics, Unmount unmount);

  // Errors: kInvalidArgument (not a request), those of the Vfs.
  Status handle(const Context& context, const nlohmann::json& request, Reply& reply);

 private:
  Result<tree::Node> find(const Context& context, const nlohmann::json& request);
  Status hello(Reply& reply);
  Status status(Reply& reply);
  Status about(const Context& context, Reply& reply);
  Status ls(const Context& context, const nlohmann::json& request, Reply& reply);
  Status stat(const Context& context, const nlohmann::json& request, Reply& reply);
  Status cat_file(const Context& context, const nlohmann::json& request, Reply& reply);
  Status unmount(const Context& context, const nlohmann::json& request, Reply& reply);

  const Identity identity_;
  vfs::Vfs& vfs_;
  Clock& clock_;
  Metrics& metrics_;
  const Unmount unmount_;
  const TimePoint started_;
};

// A About as the commands print it.
nlohmann::json about_document(const drive::About& about);

}  // namespace driveway::control
