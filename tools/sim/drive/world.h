// The state of the simulated Drive: items, accounts, shared drives, logs of changes, storage.
//
// Locking: mutex() guards everything. A reader holds it shared, a writer holds it alone; the
// methods say which one they need and take none themselves, except catch_up(). Pointers and
// references into the state are valid while the lock is held; an ItemPtr stays valid.
//
// Lag (drive-api reference 3.3): each change goes to current() at once, where get looks, and into
// a queue that feeds index(), where lists look, after DriveConfig::list_lag. The feed shows a
// change after DriveConfig::change_lag.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sim/config.h"
#include "sim/drive/change_log.h"
#include "sim/drive/fair_shared_mutex.h"
#include "sim/drive/model.h"
#include "sim/drive/table.h"

namespace driveway::sim {

// After these days trash and old revisions are gone (drive-api reference 5.11, 8.4).
inline constexpr Ms kPurgeAge = 30LL * 24 * 3600 * 1000;
inline constexpr std::size_t kMaxOldRevisions = 100;

class World {
 public:
  World(Clock& clock, const ConfigStore& config);

  FairSharedMutex& mutex() const { return mutex_; }
  Ms now() const;
  // What time alone changes: the index catches up, old trash and revisions go. Called before a
  // request is answered, without the lock.
  void catch_up();

  // Shared lock.
  const Table& current() const { return current_; }
  const Table& index() const { return index_; }
  const Account* account(Text mail) const;
  const Account* first_account() const;
  const std::vector<Text>& account_order() const { return account_order_; }
  const SharedDrive* drive(std::string_view id) const;
  const std::map<std::string, SharedDrive, std::less<>>& drives() const { return drives_; }
  const ChangeLog& user_log(Text mail) const;
  const ChangeLog& drive_log(std::string_view id) const;
  // The first number that a feed with this lag does not show yet.
  ChangeNumber horizon(Millis lag) const;
  ChangeNumber next_change() const { return next_change_; }
  Serial peek_serial() const { return next_serial_; }
  // Bytes of what `mail` owns and what is in the trash.
  Bytes trash_usage(Text mail) const;
  // What is in the trash of its own (not by its folder), of everybody.
  std::vector<std::string> trashed_ids() const;
  // How many folders lie above the children of `folder`.
  int depth_of(std::string_view folder) const;

  // Exclusive lock.
  Account& ensure_account(std::string_view mail, bool service_account);
  // Makes the drive, its top folder and `organizer` as its first member.
  SharedDrive& add_drive(std::string id, std::string name, Text organizer);
  SharedDrive* edit_drive(std::string_view id);
  void note_drive_change(const SharedDrive& drive);
  void remove_drive(std::string_view id);
  Serial next_serial() { return next_serial_++; }
  // Adds a new item, or puts a changed copy in the place of the old one: the version grows, the
  // logs of all who see it (or saw it) get an entry, storage is accounted.
  ItemPtr put(Item item);
  // Permanent, with what lies below. In My Drive the descendants of other owners stay, without a
  // parent.
  void remove(const std::string& id);

  // For snapshots. Exclusive lock.
  void restore_item(Item item);
  void restore_account(Account account);
  void restore_drive(SharedDrive drive);
  void restore_counters(Serial serial, ChangeNumber change);
  // `user` null: of the shared drive `drive`.
  void restore_change(Text user, const std::string& drive, ChangeNumber number, ChangeEntry entry);

 private:
  struct Audience {
    std::set<Text> users;
    Text drive = nullptr;
    bool operator==(const Audience&) const = default;
  };
  struct IndexEvent {
    Ms time = 0;
    std::string id;
    ItemPtr item;  // null: erased
  };

  Audience audience_of(const Item& item) const;
  void log_change(const std::string& id, const Audience& audience, bool left = false);
  void log_new_audience(const Item& folder, const Audience& before, const Audience& after);
  void account_for(const Item& item, bool add);
  void feed_index(const std::string& id, ItemPtr item);
  void drain_index();
  void sweep();
  // `owner` null: of everybody. An item that stays in a folder that goes is orphaned.
  void remove_below(const std::string& folder, Text owner, bool folder_stays);
  void orphan(const Item& item);
  void erase(const Item& item);
  ChangeNumber new_change();

  Clock& clock_;
  const ConfigStore& config_;
  mutable FairSharedMutex mutex_;
  Table current_;
  Table index_;
  std::deque<IndexEvent> index_events_;
  std::atomic<bool> index_behind_{false};
  std::atomic<Ms> next_sweep_{0};
  std::set<std::string> ageing_;  // ids of items that are trashed or have old revisions
  std::map<Text, Account> accounts_;
  std::vector<Text> account_order_;
  std::map<std::string, SharedDrive, std::less<>> drives_;
  std::map<Text, ChangeLog> user_logs_;
  std::map<std::string, ChangeLog, std::less<>> drive_logs_;
  std::deque<std::pair<Ms, ChangeNumber>> recent_changes_;  // first number at each time, one hour
  Serial next_serial_ = 1;
  ChangeNumber next_change_ = 1;
};

// Calls `visit` for each item below `id`, children before their parents.
void walk_below(const Table& table, std::string_view id,
                const std::function<void(const ItemPtr&)>& visit);

}  // namespace driveway::sim
