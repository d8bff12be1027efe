// Resumable upload sessions (drive-api reference 5.2–5.5). A session lives in memory: a restart of
// the simulator ends it, as its expiry does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "sim/drive/content_store.h"
#include "sim/drive/file_write.h"

namespace driveway::sim {

// What arrived of an interrupted request is kept in multiples of this (reference 5.3).
inline constexpr Bytes kUploadUnit = 256 * kKiB;

// A Content-Range header of an upload: "bytes a-b/T", "bytes a-b/*", "bytes */T", "bytes */*".
struct UploadRange {
  bool query = false;  // no bytes: asks how far it is
  Bytes first = 0;
  Bytes last = 0;              // inclusive
  std::optional<Bytes> total;  // nothing: "*"
};
// Nothing if it is malformed ("bytes 0--1/0").
std::optional<UploadRange> parse_upload_range(std::string_view header);

// What the start request fixed, and how far the bytes are.
struct UploadSession {
  std::mutex mutex;  // held by the request that works on it; guards all below
  std::string id;
  Viewer viewer;
  bool update = false;
  std::string file_id;  // of an update
  FileEdit edit;
  WriteOptions options;
  std::optional<std::string> fields;  // shape the final answer
  bool pretty = true;
  std::string type;  // X-Upload-Content-Type
  std::optional<Bytes> total;
  Ms expires = 0;

  std::unique_ptr<ContentWriter> writer;
  Bytes stored() const { return writer ? writer->size() : 0; }
  enum class State { kOpen, kDone, kCancelled } state = State::kOpen;
  int final_status = 0;  // once done: asked again, answered again
  std::string final_body;
};

// Thread-safe.
class UploadSessions {
 public:
  // Those that have expired at `now` go, with what they stored.
  void add(std::shared_ptr<UploadSession> session, Ms now);
  // Null: unknown, or expired at `now`.
  std::shared_ptr<UploadSession> find(std::string_view id, Ms now);
  void drop(std::string_view id);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<UploadSession>, std::less<>> sessions_;
  Ms next_sweep_ = 0;
};

}  // namespace driveway::sim
