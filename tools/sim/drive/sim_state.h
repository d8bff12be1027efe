// What the methods work on, and who asks.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <random>

#include "base/clock.h"
#include "sim/config.h"
#include "sim/drive/access.h"
#include "sim/drive/content_store.h"
#include "sim/drive/routes.h"
#include "sim/drive/world.h"

namespace driveway::sim {

class UploadSessions;

// Whether something with a probability happens now; seeded, so that a run can be repeated.
// Thread-safe.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  bool happens(double probability) {
    if (probability <= 0) return false;
    const std::lock_guard lock(mutex_);
    return std::uniform_real_distribution<double>(0, 1)(engine_) < probability;
  }

 private:
  std::mutex mutex_;
  std::mt19937_64 engine_;
};

struct SimState {
  Clock& clock;
  const ConfigStore& config;
  World& world;
  ContentStore& contents;
  UploadSessions& uploads;
  Dice& dice;
};

struct Viewer {
  Text mail = nullptr;
  Text project = nullptr;  // of the OAuth client: whose appProperties, whose drive.file grants
  ScopeSet scopes = 0;

  // All that the account sees, not only what the app made (drive.file, drive.appdata).
  bool sees_all() const {
    return (scopes & (kScopeDrive | kScopeReadonly | kScopeMetadata | kScopeMetadataReadonly)) != 0;
  }
  // Only metadata scopes.
  bool metadata_only() const {
    return (scopes & ~static_cast<ScopeSet>(kScopeMetadata | kScopeMetadataReadonly)) == 0;
  }
};

// The id of an app's hidden folder in an account: made by the first request that names it.
std::string app_data_folder_id(Text mail, Text project);

// Whether the viewer's token opens this item, apart from the account's rights (reference 1.6).
bool scope_opens(const Viewer& viewer, const Item& item);

// The item that `id` ("root", "appDataFolder" too) names for this viewer in `access`'s table.
// Throws Refused: notFound, also for what is hidden from this user, scope or flag.
const Item& find_visible(const World& world, Access& access, const Viewer& viewer,
                         std::string_view id, bool supports_all_drives);

// Throws Refused insufficientFilePermissions unless the viewer has `capability` on `item`.
void require(Access& access, const Item& item, Capability capability);
Capabilities capabilities_for(Access& access, const Item& item);

}  // namespace driveway::sim
