// What a Sender is made of. Private to journal/: sender.cc has the threads and what callers see,
// send_step.cc how a step begins and ends, send_edit.cc what moves no bytes, send_content.cc what
// does, send_resolve.cc what may have been done before, send_care.cc what is heard and what is to
// be done beside the steps, send_space.cc room for it in Drive.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "journal/id_pool.h"
#include "journal/send_meter.h"
#include "journal/sender.h"

namespace driveway::journal {

// A step on its way.
struct Job {
  Step step;
  Context context;  // of calls that move content
  std::string name;
  DriveId drive;
  std::unique_ptr<Snapshot> snapshot;  // null: it moves no bytes, or there are none to be had:
  std::optional<Error> unreadable;     // why
  std::string small;                   // all bytes, where they go in one request
  drive::UploadSession session;
  Bytes stored = 0;         // of the session
  std::uint64_t meter = 0;  // its id there
};

class UploadSource;

class SenderCore final : public Sender {
 public:
  SenderCore(const SenderOptions& options, Journal& journal, drive::RemoteStore& store,
             LocalSide& local, Clock& clock, Metrics& metrics);
  ~SenderCore() override;

  void start() override;
  void stop() override;
  std::optional<FileId> take_id() override { return ids_.take(); }
  void heard(const FileId& id, const std::optional<drive::Item>& item, InodeId parent) override;
  Status flush(const Context& context, const std::vector<InodeId>& inodes) override;
  Status wait_for_backlog(const Context& context, Duration longest) override;
  std::vector<Sending> sending() const override { return meter_.sending(); }
  double bytes_per_second() const override { return meter_.bytes_per_second(); }

 private:
  enum class Lane { kUpload, kEdit, kRaised };
  struct Figures {
    explicit Figures(Metrics& metrics);
    Counter& steps;
    Counter& failures;
    Counter& conflicts;
    Counter& uploaded;
    Counter& resumed;
    Counter& restarted;
    Gauge& in_flight;
    Histogram& upload;
  };
  using Tell = std::function<Result<Outcome>(ChangeSet& set, WallTime now)>;
  using ReadBytes = std::function<Result<std::string>(ByteRange range)>;

  // --- sender.cc. Their errors end nothing: a thread goes on until stop().

  void run_plan();
  TimePoint plan();
  void run_worker(Lane lane);
  std::optional<Step> take_step(Lane lane);
  Context cancellable() const;
  Context call_context(Priority priority) const;  // of a call that moves no content
  Error obstacle(const Flush& flush) const;

  // --- send_step.cc. What these return is no outcome of the step, but why it was left as it is:
  // the journal fails, or stop() was called.

  Status perform(Step step);
  Status perform(Job& job);
  // Whether it is to be gone on with.
  Result<bool> prepare(Job& job);
  Result<bool> take_snapshot(Job& job);
  Result<bool> take_state(Job& job);
  Result<bool> begin(Job& job, const Begin& begin);
  Status finish(Job& job, const drive::Item& item);
  Status finish_removal(Job& job);
  Status fail(Job& job, const Error& error, bool may_be_done);
  // What a call that would change something said. Finds out what it means where that is not clear.
  Status refused(Job& job, const Error& error);
  // J2: `item` is what was made without an id of ours. Before anybody is told of it.
  Status note_id(Job& job, const drive::Item& item);
  // J1: what began() recorded is on the disk.
  Status before_first_byte(Job& job);
  void adopt_content(const Job& job, const drive::Item& item);
  Status record(const Step& step, const Tell& tell);
  void settle(const Step& step);
  void after_record(const Outcome& outcome);

  // --- send_edit.cc

  Status send_edit(Job& job);
  // Nothing: the step may be sent. Else it has been dealt with.
  Result<bool> look_before(Job& job);
  Result<bool> look_at_folder(Job& job);
  Result<bool> look_for_name(Job& job);
  // J2: what an earlier try of an operation without an id has made.
  Result<std::optional<drive::Item>> find_made(Job& job);
  Result<std::optional<drive::Item>> find_namesake(Job& job);
  Result<bool> look_at_head(Job& job);
  Result<bool> look_into(Job& job);
  Status adopt_folder(Job& job, const drive::Item& folder);
  Status make_conflict(Job& job);
  Status lost_folder(Job& job, const std::optional<drive::Item>& folder);
  Status send_copy(Job& job);
  Result<std::optional<drive::Item>> get(const Context& context, const FileId& id);
  static drive::NewItem new_item(const Step& step);
  static drive::ItemPatch patch_of(const Step& step);

  // --- send_content.cc

  Status send_content(Job& job);
  Status send_small(Job& job);
  Status send_large(Job& job);
  Result<drive::UploadProgress> push(Job& job, Bytes until, UploadSource& source);
  Status begin_session(Job& job);
  Status send_end(Job& job, UploadSource& source);
  Status main_part_failed(Job& job, const Error& error, UploadSource& source, bool* again);
  Status note_progress(Job& job, const std::string& md5);
  void cancel_session(Job& job);
  // J10: what another client wrote in the moment before our last byte is kept beside ours. False:
  // it could not be, and the step has been dealt with: this comes first at the next try.
  Result<bool> save_overwritten(Job& job, const drive::Item& item);
  Result<bool> not_saved(Job& job, const Error& error);
  Status note_overwritten(Job& job, const std::string& name, const Overwritten& theirs);
  Result<Place> place_beside(const Context& context, const drive::Item& item);
  Status copy_revision(Job& job, const drive::Item& item, const drive::RevisionInfo& lost);
  Status make_copy(Job& job, const drive::NewItem& copy, Bytes size, const ReadBytes& read);

  // --- send_resolve.cc

  Status resolve(Job& job);
  Status resolve_session(Job& job);
  // By what a get says.
  Status resolve_by_get(Job& job);
  Status resolve_by(Job& job, const std::optional<drive::Item>& item);

  // --- send_space.cc: room in Drive (J13).

  // Removes what takes at least `wanted` bytes of `drive`, as far as there is so much. False: there
  // was nothing.
  bool make_room(const DriveId& drive, Bytes wanted);
  // Gives what that has freed; 0: it is no matter of ours any more, or is wanted.
  Result<Bytes> give_back(const Leftover& leftover);
  Result<Bytes> give_back_revision(const Leftover& leftover);
  Result<Bytes> give_back_file(const Leftover& leftover);
  Status forget_leftover(const Leftover& leftover);
  void look_for_room();
  Bytes too_much();

  // --- send_care.cc

  void run_care();
  void wake_care();
  void find_homeless();
  void find_homes();
  Status find_home(InodeId inode);
  void probe_login();
  void try_login(const Context& context);
  void forget();
  void ask_for_echoes();
  void hear_later();
  bool hear(const FileId& id, const std::optional<drive::Item>& item, InodeId parent);
  // What a verdict asks for at once: within the change.
  Status answer_verdict(ChangeSet& set, Outcome& outcome, WallTime now);

  const SenderOptions options_;
  Journal& journal_;
  drive::RemoteStore& store_;
  LocalSide& local_;
  Clock& clock_;
  Figures figures_;
  SendMeter meter_;
  IdPool ids_;
  CancelSource stop_;
  std::atomic<bool> stopping_{false};
  std::vector<std::thread> threads_;

  std::mutex mutex_;  // a leaf; guards what follows
  std::condition_variable ready_changed_;
  std::condition_variable backlog_changed_;  // taken_, ready_ or oldest_
  std::vector<Step> ready_;                  // in the order in which they are to be sent
  std::set<InodeId> taken_;
  std::optional<WallTime> oldest_;  // of what is not failed
  bool care_wanted_ = false;
  std::condition_variable care_changed_;
  std::set<InodeId> homeless_;  // J10: rows that have no folder
  struct Heard {
    std::optional<drive::Item> item;
    InodeId parent;
  };
  std::map<FileId, Heard> later_;  // J3: until the outcome of what is sent
  std::unordered_map<FileId, TimePoint> good_folders_;
  bool makes_room_ = false;

  // Of the thread that takes care.
  TimePoint probe_at_{};
  TimePoint forget_at_{};
  TimePoint homes_at_{};
  TimePoint ids_at_{};
  TimePoint room_at_{};
};

// Whether bytes go from here to Drive: not what the server copies, nor what has no content.
bool moves_bytes(const Step& step);
// The property of a create that has no id of ours, by which its item is known again (J2). Null: it
// has an id.
const std::string* operation_of(const Step& step);
// Whether Drive may have carried out what a call answered with `error`.
bool may_be_done(const Error& error);
// J2: whether `item` is what the step was to make of it. Of removals: whether it has gone.
bool is_done(const Step& step, const drive::Item& item);

}  // namespace driveway::journal
