// Faults on demand, for tests: what FakeStore and the Fault decorator ask before each call.
//
//   plan.fail(Method::kList, {ErrorCode::kUnavailable, "503", true}, 2);   // the next two listings
//   plan.cut(Method::kRead, 4096, error);        // the next read breaks off after 4096 bytes
//   auto gate = plan.block(Method::kGet);        // gets wait ...
//   gate->wait_for_blocked(1);                   // ... one has arrived ...
//   gate->open();                                // ... and goes on
//
// Thread-safe. A blocked call honours its Context (R5).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"
#include "base/io.h"
#include "base/result.h"
#include "drive/method.h"
#include "drive/remote_store.h"

namespace driveway::drive {

// One call, as a hook or a test's log sees it. Fields that a method does not have are empty.
struct CallInfo {
  Method method = Method::kAbout;
  FileId id{};                     // get, read, export
  ListQuery query{};               // list
  std::optional<DriveId> drive{};  // start_page_token, changes
  std::string page_token{};        // list, changes
  ByteRange range{};               // read
  Priority priority = Priority::kForeground;
};

// Holds calls back until it is opened. Opening is for good.
class Gate {
 public:
  void open();
  // Waits (in real time, at most 30 s) until `calls` have arrived here in all; false if they never
  // did.
  bool wait_for_blocked(int calls);
  // How many calls have arrived so far.
  int arrived() const;

 private:
  friend class FaultPlan;
  Status pass(const Context& context, Clock& clock);
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrived_ = 0;
};

class FaultPlan {
 public:
  using Hook = std::function<Status(const Context&, const CallInfo&)>;

  explicit FaultPlan(Clock& clock) : clock_(clock) {}

  // The next `times` calls of `method` fail with `error`.
  void fail(Method method, Error error, int times = 1);
  // The next `times` calls of `method` (kRead, kExport) deliver `after` bytes and then fail.
  void cut(Method method, Bytes after, Error error, int times = 1);
  // Calls of `method` wait from now on, until the gate is opened. Replaces an earlier gate, which
  // is opened.
  std::shared_ptr<Gate> block(Method method);
  // Called first in each call, without any lock held; may wait, and its error fails the call.
  void set_hook(Hook hook);
  // Forgets faults and the hook, opens the gates.
  void clear();

  // For stores: what happens to this call before it does its work.
  Status before(const Context& context, const CallInfo& call);
  // For stores: where to write instead of `sink`. `wrapper` must outlive the call.
  class CutSink;
  ByteSink& wrap(Method method, ByteSink& sink, std::unique_ptr<ByteSink>& wrapper);

 private:
  struct Failure {
    Error error;
    int times = 0;
  };
  struct Cut {
    Bytes after = 0;
    Error error;
    int times = 0;
  };

  Clock& clock_;
  std::mutex mutex_;
  std::map<Method, std::deque<Failure>> failures_;
  std::map<Method, std::deque<Cut>> cuts_;
  std::map<Method, std::shared_ptr<Gate>> gates_;
  Hook hook_;
};

}  // namespace driveway::drive
