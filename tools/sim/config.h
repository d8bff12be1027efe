// Every knob of the simulator: set at start by flags or a TOML file, at run time through
// /__sim/config. Readers take a snapshot; nobody holds one over a wait.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/bytes.h"
#include "base/result.h"

namespace driveway::sim {

using Millis = std::chrono::milliseconds;

enum class QuotaModel { k2026, kLegacy, kUnlimited };

// The network (design: the simulator). A bandwidth of 0 is no cap; latencies vary by ±jitter,
// seeded.
struct NetworkConfig {
  std::string profile = "lan";  // the preset that was applied last
  Millis get_latency{1};
  Millis list_latency{1};
  Millis media_first_byte{1};
  Millis write_latency{1};
  double jitter = 0.0;             // 0.3 = ±30 %
  Millis connect_latency{0};       // before a new connection's first byte
  Bytes connection_bandwidth = 0;  // bytes a second and direction, per connection
  Bytes total_bandwidth = 0;       // bytes a second and direction, over all
  std::uint64_t seed = 1;
};

// Probabilities are per request, 0…1, decided by the seed. Requests to /__sim/ are never touched.
struct FaultConfig {
  double error_5xx = 0;  // 500, 502 (HTML body), 503 in turn, before the service sees the request
  double error_429 = 0;  // 429 rateLimitExceeded
  double error_403_rate = 0;        // 403 userRateLimitExceeded
  bool retry_after = false;         // with "Retry-After: 1"
  bool plain_error_bodies = false;  // 429/403/5xx without JSON
  // Media, exports, lists, changes, gets:
  double reset = 0;     // RST in the middle of the body
  double truncate = 0;  // clean close before Content-Length
  double stall = 0;     // nothing for stall_time in the middle
  Millis stall_time{20000};
  double wrong_range = 0;   // media: 206 with other bytes than were asked for (and a Content-Range
                            // that says so), or 200 and all
  double flip = 0;          // media: one bit of the body flipped
  double upload_reset = 0;  // upload data: RST after a part was read
  double lost_answer = 0;   // writes: done, but the connection dies before the answer
  bool dead = false;        // accepts connections and answers nothing, until set back
  bool refuse = false;      // closes each connection at once
  // Only requests whose path begins with this are touched ("" = all but /__sim/).
  std::string path_prefix;
  // At most so many faults, counted over all kinds; then none any more (-1 = no limit).
  std::int64_t budget = -1;
};

// What belongs to Drive's own behaviour.
struct DriveConfig {
  Millis list_lag{0};      // lists and queries show changes only after this; get shows them at once
  Millis change_lag{0};    // the same of the changes feed
  double empty_group = 0;  // a query of several parents answers nothing (drive-api reference 3.4)
  double short_page = 0;   // a page of fewer items than asked, with a token
  Millis page_token_life{Millis(4 * 3600 * 1000)};
  Millis session_life{Millis(7LL * 24 * 3600 * 1000)};
  double session_gone = 0;  // an upload PUT answers 404 or 410 in turn
  double wrong_md5 = 0;     // the final answer of an upload states another md5
  bool strict_chunks =
      true;  // a non-final chunk that is no multiple of 256 KiB: 400 (else rounded down)
  bool upload_cap_reached = false;  // writes answer 403 "User rate limit exceeded." (750 GB a day)
  bool legacy_sizes_of_docs = false;  // native Docs without size
  double incomplete_search = 0;       // a list of corpora domain or allDrives says that it is not
                                      // all there is
};

struct OauthConfig {
  std::chrono::seconds access_token_life{3599};
  std::chrono::seconds code_life{600};
  std::int64_t refresh_token_expires_in =
      0;                          // > 0: stated in token answers (apps in testing: 604799)
  int refresh_token_limit = 100;  // a client and account; the oldest dies silently
  std::string denied_scopes;      // granular consent: scopes that the user unticks, space separated
  bool deny_consent = false;      // the page answers error=access_denied
  std::chrono::seconds device_approval_delay{0};
  int metadata_404_count = 0;  // so many requests for service-accounts/… answer 404 first
  std::string metadata_scopes = "https://www.googleapis.com/auth/drive";
  // Domain-wide delegation: what every service account may do in any user's name, space separated.
  // "": it is not set up.
  std::string delegated_scopes;
  // Of the workload identity pools: the public key (PEM) of the one provider, whatever its name;
  // "": there is none.
  std::string identity_provider_key;
  // Who has the role Service Account Token Creator on every service account: mails and principals,
  // space separated.
  std::string token_creators;
};

struct Config {
  NetworkConfig network;
  FaultConfig faults;
  QuotaModel quota = QuotaModel::kUnlimited;
  DriveConfig drive;
  OauthConfig oauth;
};

// Presets `lan`, `colab`, `slow`, `hostile` of the network (its seed stays). `hostile` also sets
// its faults and its list lag; any other preset that follows `hostile` clears these. The quota is
// chosen apart. Errors: kInvalidArgument.
Status apply_profile(std::string_view name, Config& config);
Result<QuotaModel> parse_quota_model(std::string_view name);
std::string_view to_string(QuotaModel model);

// A TOML file as the JSON that patch() takes: the same keys, tables for objects. Errors:
// kInvalidArgument (with the line), or as read_file.
Result<nlohmann::json> read_config_file(const std::filesystem::path& path);

// The current configuration. Thread-safe.
class ConfigStore {
 public:
  explicit ConfigStore(Config config);
  std::shared_ptr<const Config> get() const;
  // {"profile":…, "quota":"2026", "network":{…}, "faults":{…}, "drive":{…}, "oauth":{…}}: each key
  // as the field is named above (but the profile stands at the top), durations in ms (oauth:
  // seconds) as numbers; absent keys stay. A profile is applied before the other keys. All or
  // nothing. Errors: kInvalidArgument names the key.
  Status patch(const nlohmann::json& change);
  nlohmann::json to_json() const;
  // Called after each change that succeeded, on the changing thread. REQUIRES: set before the store
  // is shared, once for each listener; what it calls lives as long as the store is patched.
  void on_change(std::function<void()> listener);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Config> config_;
  std::vector<std::function<void()>> listeners_;
};

}  // namespace driveway::sim
