// The log. One process-wide sink (a file, or stderr), levels, one line an event, and redaction:
// whatever looks like a secret (list in oauth-headless reference, 12) never reaches the sink, at
// any level.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/strings.h"

namespace driveway::log {

enum class Level { kTrace, kDebug, kInfo, kWarn, kError, kOff };

// Errors: kInvalidArgument.
Result<Level> parse_level(std::string_view name);

// Begins with level kWarn on stderr. Thread-safe. `init_file` rotates at `max_bytes`, three files
// kept, mode 0600.
void set_level(Level level);
bool enabled(Level level);
Status init_file(const std::filesystem::path& path, std::size_t max_bytes = 10 << 20);
void init_stderr();

void write(Level level, std::string_view message);

// log::info("mounted ", path, " in ", ms, " ms"): parts as cat() takes them; not evaluated into
// text unless enabled.
template <typename... Parts>
void trace(const Parts&... parts) {
  if (enabled(Level::kTrace)) write(Level::kTrace, cat(parts...));
}
template <typename... Parts>
void debug(const Parts&... parts) {
  if (enabled(Level::kDebug)) write(Level::kDebug, cat(parts...));
}
template <typename... Parts>
void info(const Parts&... parts) {
  if (enabled(Level::kInfo)) write(Level::kInfo, cat(parts...));
}
template <typename... Parts>
void warn(const Parts&... parts) {
  if (enabled(Level::kWarn)) write(Level::kWarn, cat(parts...));
}
template <typename... Parts>
void error(const Parts&... parts) {
  if (enabled(Level::kError)) write(Level::kError, cat(parts...));
}

// `text` with every secret replaced by "[redacted]": Bearer values, ya29.…, 1//…, 4/0…, GOCSPX-…,
// the JSON and query values of access_token, refresh_token, id_token, client_secret, private_key,
// assertion, code, code_verifier, device_code, upload_id, resourceKey, PEM blocks, user:password@.
std::string redact(std::string_view text);

}  // namespace driveway::log
