// Faults on demand, for tests: what FakeStore and the Fault decorator ask before each call.
//
//   plan.fail(Method::kList, {ErrorCode::kUnavailable, "503", true}, 2);   // the next two listings
//   plan.cut(Method::kRead, 4096, error);        // the next read breaks off after 4096 bytes
//   auto gate = plan.block(Method::kGet);        // gets wait ...
//   gate->wait_for_blocked(1);                   // ... one has arrived ...
//   gate->open();                                // ... and goes on
//   plan.lose_answer(Method::kCreate, error);    // the next create is done, but says `error`
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
  // The item; of create, copy and the begin of an upload that makes one: the id that it is to have,
  // if any.
  FileId id{};
  FileId source{};                 // copy
  std::string name{};              // create, update, copy, begin_upload: the new one
  Revision revision{};             // keep_revision, remove_revision, read_revision
  ListQuery query{};               // list
  std::optional<DriveId> drive{};  // start_page_token, changes
  std::string page_token{};        // list, changes
  ByteRange range{};               // read, read_revision, send
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
  // The next `times` calls of `method` (kRead, kExport, kReadRevision) deliver `after` bytes and
  // then fail; those that send a content (kCreate, kUpdate, kSend) find no more than `after` bytes
  // of it readable.
  void cut(Method method, Bytes after, Error error, int times = 1);
  // The next `times` calls of `method` that end well are carried out, and fail all the same with a
  // retryable kUnavailable: as if the answer had not come.
  void lose_answer(Method method, int times = 1);
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
  // For stores: where to read from instead of `content`, which may be null. As above.
  class CutSource;
  ContentSource* wrap(Method method, ContentSource* content,
                      std::unique_ptr<ContentSource>& wrapper);
  // For stores: what happens to the answer of a call that has done its work.
  Status after(const CallInfo& call);

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
  // The next one of `faults` for `method`, if there is one; then it is used up.
  template <typename Fault>
  static std::optional<Fault> take(std::map<Method, std::deque<Fault>>& faults, Method method);
  std::map<Method, std::deque<Failure>> failures_;
  std::map<Method, int> lost_answers_;
  std::map<Method, std::deque<Cut>> cuts_;
  std::map<Method, std::shared_ptr<Gate>> gates_;
  Hook hook_;
};

}  // namespace driveway::drive
