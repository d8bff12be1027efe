// Which small files of a folder to fetch before anybody asks for them (R4): the rule alone, without
// I/O.
//
// Nothing is fetched until two different files of the folder were read. From then on up to
// 16 + 8 × (files read) unused ones may be here or under way: what is fetched in vain is at most a
// small multiple of what is read. They are taken in listing order behind the file that was read
// last, around the end to the beginning. Two more bounds depend on the order of the reads:
//
// * In listing order, the next 256 files at most; none behind the reader; and none at all when the
//   reader leaves out more than four of five (so few of those fetched would be used).
// * In any other order up to 2,048, unless even those are less than a tenth of what is left to read
//   (then 256): a reader who takes files at random finds one here as often as that part of the
//   remaining files is here, so with 256 of 2,000 seven reads of eight would still wait.
//
// PrefetchAccount sees all folders: where little of what was fetched is used, a folder has to show
// more (16 files read, or half of its files) before it gets anything.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/context.h"
#include "base/ids.h"

namespace driveway::vfs {

// The largest content that counts as a small file.
inline constexpr Bytes kSmallFile = 4 * kMiB;

// A small file of a folder.
struct Sibling {
  InodeId inode;
  Bytes size = 0;  // 1 to kSmallFile
};

// The small files of a folder in listing order, made ready for FolderReads: that costs some 200 ns
// a file.
class SiblingList {
 public:
  SiblingList() = default;
  explicit SiblingList(std::vector<Sibling> files);
  std::size_t size() const { return files_.size(); }

 private:
  friend class FolderReads;
  std::vector<Sibling> files_;
  std::vector<std::uint32_t> by_inode_;  // positions in files_, in the order of inodes
};

struct SiblingRules {
  std::size_t first_reads = 2;  // files read before the first is fetched ahead
  std::size_t wary_reads = 16;  // the same where little is being used
  std::size_t first_ahead = 16;
  std::size_t ahead_per_read = 8;
  std::size_t most_in_order = 256;
  std::size_t most_in_any_order = 2048;
  std::size_t proven_reads = 64;
};

// How much of what was fetched ahead was used: of about the last 256 files whose fate is known.
// Not thread-safe.
class PrefetchAccount {
 public:
  void used();
  void unused();
  void used_after_all();  // one that was counted as unused
  // At least 64 are known, and 80 % of them were used.
  bool proven() const;
  // At least 32 are known, and less than 20 % of them were used.
  bool poor() const;

 private:
  void age();
  int known_ = 0;    // how many, as far as it matters
  double used_ = 0;  // the older the less each counts
  double unused_ = 0;
};

class FolderReads {
 public:
  // `account` must outlive it.
  explicit FolderReads(PrefetchAccount& account, const SiblingRules& rules = {})
      : account_(account), rules_(rules) {}

  // What was known of the files that stay is kept.
  void set_files(SiblingList list);
  bool listed() const { return listed_; }
  std::size_t file_count() const { return files_.size(); }

  // A file is read; `here`: all of it is here already. True if it was fetched ahead, or is being,
  // and is used for the first time.
  bool read(InodeId inode, bool here);
  std::size_t reads() const { return reads_; }  // of different files

  // Whether next() may be asked for another file. `wary`: the folder has to show more first.
  bool wants(bool wary) const;
  // The file to look at next; the caller says what became of it by one of here(), start().
  std::optional<Sibling> next();
  void here(InodeId inode);  // nothing is to be fetched
  // False: it has been read meanwhile, and need not be fetched. Else the caller says fetched() or
  // failed() in the end.
  bool start(InodeId inode);
  void fetched(InodeId inode);
  // `again`: it is worth a retry, after 30 s at first, up to 10 min.
  void failed(InodeId inode, TimePoint now, bool again);
  // Lets files be tried again whose time has come; gives the time of the next one.
  TimePoint retry_due(TimePoint now);

  // The folder is not being read any more: the account learns what was not used.
  void settle();

  // At what priority to fetch: kBackground until the reads have shown that most is being used.
  Priority priority() const;
  bool proven() const { return reads_ >= rules_.proven_reads; }
  // Fetched or under way, and not used; without those that an in-order reader has passed.
  std::size_t unused() const { return unused_; }
  Bytes unused_bytes() const { return unused_bytes_; }

 private:
  enum class State : std::uint8_t {
    kAbsent,    // may be fetched
    kChecking,  // given out by next()
    kUnderWay,
    kFetched,
    kPassed,  // fetched, unused, and behind an in-order reader
    kHere,    // read, or found here
    kFailed,
  };
  struct File {
    InodeId inode;
    std::uint32_t size = 0;
    State state = State::kAbsent;
    bool was_read = false;
    bool counted_unused = false;  // in the account
  };
  struct Failure {
    int count = 0;
    TimePoint again{};
  };

  static bool counts_as_unused(State state);
  std::optional<std::size_t> find(InodeId inode) const;
  File* file_in(InodeId inode, State state);
  void set_state(File& file, State state);
  void count_unused(File& file);
  void forget_what_is_here();
  void note_step(std::size_t position);
  void pass_over();
  bool in_order() const;
  std::size_t oldest_position() const;
  bool denser_than(double share) const;
  std::size_t allowance() const;
  void rewind();

  PrefetchAccount& account_;
  const SiblingRules rules_;
  bool listed_ = false;
  std::vector<File> files_;
  std::vector<std::uint32_t> by_inode_;  // positions in files_, in the order of inodes
  std::vector<InodeId> early_;           // read before the listing was known
  std::unordered_map<InodeId, Failure> failures_;

  std::size_t reads_ = 0;
  std::size_t absent_ = 0;  // in state kAbsent
  std::size_t unused_ = 0;
  Bytes unused_bytes_ = 0;

  // Where the last reads were: that of read number n at n % size.
  static constexpr std::size_t kSteps = 16;
  std::array<std::size_t, kSteps + 1> positions_{};
  std::size_t steps_ = 0;      // reads noted
  std::uint32_t forward_ = 0;  // a bit a step, the newest lowest: it led forward
  bool following_ = false;     // pass_over() found them in order
  std::size_t passed_to_ = 0;  // what the reader has passed up to here was looked at

  std::size_t last_ = 0;    // position of the last read
  std::size_t cursor_ = 0;  // how many behind last_ next() has looked at
  bool exhausted_ = false;  // next() found nothing since

  std::size_t reads_since_forgotten_ = 0;  // also of the same file
};

}  // namespace driveway::vfs
