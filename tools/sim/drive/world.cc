#include "sim/drive/world.h"

#include <algorithm>
#include <iterator>
#include <mutex>

#include "base/strings.h"
#include "sim/drive/ids.h"

namespace driveway::sim {

namespace {
constexpr Ms kSweepInterval = 60LL * 1000;
constexpr Ms kRecent = 3600LL * 1000;

// As they are now: what is done to them may change the table.
std::vector<ItemPtr> children_now(const Table& table, std::string_view parent) {
  std::vector<ItemPtr> children;
  children.reserve(table.children(parent).size());
  for (const auto& [serial, child] : table.children(parent)) children.push_back(child);
  return children;
}
}  // namespace

void walk_below(const Table& table, std::string_view id,
                const std::function<void(const ItemPtr&)>& visit) {
  for (const ItemPtr& child : children_now(table, id)) {
    if (child->is_folder()) walk_below(table, child->id, visit);
    visit(child);
  }
}

World::World(Clock& clock, const ConfigStore& config) : clock_(clock), config_(config) {}

Ms World::now() const { return clock_.wall_now().time_since_epoch().count(); }

void World::catch_up() {
  const bool sweeps = now() >= next_sweep_.load();
  if (!sweeps && !index_behind_.load()) return;
  const std::unique_lock lock(mutex_);
  drain_index();
  if (sweeps) sweep();
}

const Account* World::account(Text mail) const {
  const auto found = accounts_.find(mail);
  return found == accounts_.end() ? nullptr : &found->second;
}

const Account* World::first_account() const {
  return account_order_.empty() ? nullptr : account(account_order_.front());
}

const SharedDrive* World::drive(std::string_view id) const {
  const auto found = drives_.find(id);
  return found == drives_.end() ? nullptr : &found->second;
}

SharedDrive* World::edit_drive(std::string_view id) {
  const auto found = drives_.find(id);
  return found == drives_.end() ? nullptr : &found->second;
}

const ChangeLog& World::user_log(Text mail) const {
  static const ChangeLog none;
  const auto found = user_logs_.find(mail);
  return found == user_logs_.end() ? none : found->second;
}

const ChangeLog& World::drive_log(std::string_view id) const {
  static const ChangeLog none;
  const auto found = drive_logs_.find(id);
  return found == drive_logs_.end() ? none : found->second;
}

ChangeNumber World::horizon(Millis lag) const {
  const Ms shown = now() - lag.count();
  const auto hidden =
      std::upper_bound(recent_changes_.begin(), recent_changes_.end(), shown,
                       [](Ms time, const auto& entry) { return time < entry.first; });
  return hidden == recent_changes_.end() ? next_change_ : hidden->second;
}

ChangeNumber World::new_change() {
  const Ms time = now();
  if (recent_changes_.empty() || recent_changes_.back().first < time) {
    recent_changes_.emplace_back(time, next_change_);
  }
  while (recent_changes_.front().first < time - kRecent) recent_changes_.pop_front();
  return next_change_++;
}

Bytes World::trash_usage(Text mail) const {
  Bytes sum = 0;
  std::set<Serial> counted;  // a trashed item inside a trashed folder counts once
  auto add = [&](const ItemPtr& item) {
    if (item->owner == mail && counted.insert(item->serial).second) sum += item->quota_bytes();
  };
  for (const std::string& id : ageing_) {
    const ItemPtr item = current_.find(id);
    if (!item || !item->trashed || item->drive != nullptr) continue;
    add(item);
    if (item->is_folder()) walk_below(current_, id, add);
  }
  return sum;
}

std::vector<std::string> World::trashed_ids() const {
  std::vector<std::string> ids;
  for (const std::string& id : ageing_) {
    const Item* item = current_.peek(id);
    if (item != nullptr && item->trashed) ids.push_back(id);
  }
  return ids;
}

int World::depth_of(std::string_view folder) const {
  int depth = 0;
  for (const Item* at = current_.peek(folder); at != nullptr && !at->parent.empty();
       at = current_.peek(at->parent)) {
    ++depth;
  }
  return depth;
}

Account& World::ensure_account(std::string_view mail, bool service_account) {
  const Text key = intern(to_lower(mail));
  if (const auto found = accounts_.find(key); found != accounts_.end()) return found->second;
  Account& account = accounts_[key];
  account_order_.push_back(key);
  account.mail = key;
  account.name = std::string(mail.substr(0, mail.find('@')));
  account.permission_id = make_permission_id();
  account.root_id = make_root_id();
  account.service_account = service_account;
  Item root;
  root.serial = next_serial();
  root.id = account.root_id;
  root.name = "My Drive";
  root.mime = intern(mime::kFolder);
  root.kind = Kind::kFolder;
  root.owner = root.last_user = key;
  root.created = root.modified = now();
  root.root = true;
  put(std::move(root));
  return account;
}

SharedDrive& World::add_drive(std::string id, std::string name, Text organizer) {
  SharedDrive drive;
  drive.id = intern(id);
  drive.name = name;
  drive.created = now();
  drive.creator = organizer;
  const Account* account = this->account(organizer);
  Extras extras;
  extras.permissions.push_back(
      {account->permission_id, Grantee::kUser, Role::kOrganizer, *organizer, "", false});
  Item root;
  root.serial = next_serial();
  root.id = id;
  root.name = std::move(name);
  root.mime = intern(mime::kFolder);
  root.kind = Kind::kFolder;
  root.drive = drive.id;
  root.last_user = organizer;
  root.created = root.modified = drive.created;
  root.root = true;
  root.set_extras(std::move(extras));
  SharedDrive& made = drives_.emplace(std::move(id), std::move(drive)).first->second;
  put(std::move(root));
  note_drive_change(made);
  return made;
}

void World::note_drive_change(const SharedDrive& drive) {
  const Item* root = current_.peek(*drive.id);
  if (root == nullptr) return;
  const ChangeNumber number = new_change();
  const ChangeEntry entry{*drive.id, now(), true, false};
  for (const Text user : audience_of(*root).users) user_logs_[user].add(number, entry);
  drive_logs_[*drive.id].add(number, entry);
}

void World::remove_drive(std::string_view id) {
  const std::string key(id);
  const SharedDrive* drive = this->drive(id);
  if (drive == nullptr) return;
  note_drive_change(*drive);  // shown as removed from now on
  walk_below(current_, key, [this](const ItemPtr& item) { erase(*item); });
  if (const ItemPtr root = current_.find(key)) erase(*root);
  drives_.erase(key);
}

World::Audience World::audience_of(const Item& item) const {
  Audience audience;
  audience.drive = item.drive;
  const Item* at = &item;
  for (int level = 0; at != nullptr && level < 200; ++level) {
    if (at->owner != nullptr) audience.users.insert(at->owner);
    for (const Permission& grant : at->extra().permissions) {
      // The members of a shared drive have the drive's own log, and find it merged into theirs.
      const bool membership = at->root && at->drive != nullptr && at != &item;
      if (grant.grantee == Grantee::kUser && !membership) {
        audience.users.insert(intern(to_lower(grant.mail)));
      }
    }
    at = at->parent.empty() ? nullptr : current_.peek(at->parent);
  }
  return audience;
}

void World::log_change(const std::string& id, const Audience& audience, bool left) {
  const ChangeNumber number = new_change();
  const ChangeEntry entry{id, now(), false, left};
  for (const Text user : audience.users) user_logs_[user].add(number, entry);
  if (audience.drive != nullptr) drive_logs_[*audience.drive].add(number, entry);
}

void World::log_new_audience(const Item& folder, const Audience& before, const Audience& after) {
  Audience changed;
  std::set_symmetric_difference(before.users.begin(), before.users.end(), after.users.begin(),
                                after.users.end(),
                                std::inserter(changed.users, changed.users.end()));
  walk_below(current_, folder.id, [&](const ItemPtr& item) { log_change(item->id, changed); });
}

void World::account_for(const Item& item, bool add) {
  if (item.drive != nullptr) {
    if (SharedDrive* drive = edit_drive(*item.drive)) drive->item_count += add ? 1 : -1;
    return;
  }
  if (const auto owner = accounts_.find(item.owner); owner != accounts_.end()) {
    const Bytes bytes = item.quota_bytes();
    owner->second.usage += add ? bytes : -bytes;
  }
}

void World::feed_index(const std::string& id, ItemPtr item) {
  if (index_events_.empty() && config_.get()->drive.list_lag.count() == 0) {
    if (item) {
      index_.put(std::move(item));
    } else {
      index_.erase(id);
    }
    return;
  }
  index_events_.push_back({now(), id, std::move(item)});
  index_behind_.store(true);
}

void World::drain_index() {
  const Ms shown = now() - config_.get()->drive.list_lag.count();
  while (!index_events_.empty() && index_events_.front().time <= shown) {
    IndexEvent& event = index_events_.front();
    if (event.item) {
      index_.put(std::move(event.item));
    } else {
      index_.erase(event.id);
    }
    index_events_.pop_front();
  }
  index_behind_.store(!index_events_.empty());
}

ItemPtr World::put(Item item) {
  const ItemPtr old = current_.find(item.id);
  Audience audience;
  if (old) {
    item.version = old->version + 1;
    audience = audience_of(*old);
    account_for(*old, false);
  }
  const auto made = std::make_shared<const Item>(std::move(item));
  account_for(*made, true);
  current_.put(made);
  feed_index(made->id, made);
  const Audience after = audience_of(*made);
  const bool top_of_drive = made->root && made->drive != nullptr;  // its members read its own log
  if (old && made->is_folder() && !top_of_drive && !(audience == after)) {
    log_new_audience(*made, audience, after);
  }
  const Text old_drive = audience.drive;
  audience.users.insert(after.users.begin(), after.users.end());
  audience.drive = after.drive;
  log_change(made->id, audience, old && old_drive == nullptr && after.drive != nullptr);
  if (old_drive != nullptr && old_drive != after.drive) log_change(made->id, {{}, old_drive});
  if (made->trashed || !made->extra().old_revisions.empty()) ageing_.insert(made->id);
  return made;
}

void World::erase(const Item& item) {
  log_change(item.id, audience_of(item));
  account_for(item, false);
  ageing_.erase(item.id);
  feed_index(item.id, nullptr);
  const std::string id = item.id;  // `item` may die with the table's entry
  current_.erase(id);
}

void World::orphan(const Item& item) {
  Item copy = item;
  copy.parent.clear();
  put(std::move(copy));
}

void World::remove_below(const std::string& folder, Text owner, bool folder_stays) {
  for (const ItemPtr& child : children_now(current_, folder)) {
    const bool stays = owner != nullptr && child->owner != owner;
    if (child->is_folder()) remove_below(child->id, owner, stays);
    if (!stays) {
      erase(*child);
    } else if (!folder_stays) {
      orphan(*child);
    }
  }
}

void World::remove(const std::string& id) {
  const ItemPtr top = current_.find(id);
  if (!top) return;
  remove_below(id, top->owner, false);
  erase(*top);
}

void World::sweep() {
  const Ms time = now();
  next_sweep_.store(time + kSweepInterval);
  const std::set<std::string> ageing = ageing_;
  for (const std::string& id : ageing) {
    const ItemPtr item = current_.find(id);
    if (!item) {
      ageing_.erase(id);
      continue;
    }
    if (item->trashed && item->trashed_at + kPurgeAge <= time) {
      remove(id);
      continue;
    }
    Extras extras = item->edit_extras();
    auto& revisions = extras.old_revisions;
    const auto before = revisions.size();
    for (std::size_t i = 0; i < revisions.size();) {
      // Its age counts from when newer content took its place.
      const Ms replaced =
          i + 1 < revisions.size() ? revisions[i + 1].modified : item->head_modified;
      const bool beyond = revisions.size() > kMaxOldRevisions;
      if (!revisions[i].keep_forever && (replaced + kPurgeAge <= time || beyond)) {
        revisions.erase(revisions.begin() + static_cast<std::ptrdiff_t>(i));
      } else {
        ++i;
      }
    }
    const bool still = item->trashed || !revisions.empty();
    if (revisions.size() != before) {
      Item copy = *item;
      copy.set_extras(std::move(extras));
      put(std::move(copy));
    }
    if (!still) ageing_.erase(id);
  }
}

void World::restore_item(Item item) {
  const auto made = std::make_shared<const Item>(std::move(item));
  account_for(*made, true);
  current_.put(made);
  index_.put(made);
  if (made->trashed || !made->extra().old_revisions.empty()) ageing_.insert(made->id);
}

void World::restore_account(Account account) {
  const Text mail = account.mail;
  account.usage = 0;
  if (accounts_.emplace(mail, std::move(account)).second) account_order_.push_back(mail);
}

void World::restore_drive(SharedDrive drive) {
  drive.item_count = 0;
  std::string id = *drive.id;
  drives_.emplace(std::move(id), std::move(drive));
}

void World::restore_counters(Serial serial, ChangeNumber change) {
  next_serial_ = serial;
  next_change_ = change;
}

void World::restore_change(Text user, const std::string& drive, ChangeNumber number,
                           ChangeEntry entry) {
  (user != nullptr ? user_logs_[user] : drive_logs_[drive]).add(number, std::move(entry));
}

}  // namespace driveway::sim
