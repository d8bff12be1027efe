#include "drive/quota_memory.h"

#include <optional>
#include <utility>

#include "base/file.h"
#include "base/log.h"
#include "base/threads.h"
#include "drive/json_access.h"

namespace driveway::drive {
namespace {

constexpr Duration kBetweenWrites = std::chrono::minutes(1);
constexpr std::size_t kLongestFile = 4096;
constexpr int kVersion = 1;

std::optional<QuotaState> read_state(const std::filesystem::path& file) {
  const auto text = read_file(file, kLongestFile);
  if (!text.ok()) return std::nullopt;
  const Json document = parse_document(*text);
  const Json* const version = value_at(document, "version");
  const Json* const counts_units = value_at(document, "counts_units");
  const Json* const pace = value_at(document, "pace");
  if (version == nullptr || *version != kVersion || counts_units == nullptr ||
      !counts_units->is_boolean() || pace == nullptr || !pace->is_number()) {
    return std::nullopt;
  }
  return QuotaState{counts_units->get<bool>(), pace->get<double>()};
}

Status write_state(const std::filesystem::path& file, const QuotaState& state) {
  const Json document = {
      {"version", kVersion}, {"counts_units", state.counts_units}, {"pace", state.pace}};
  DRIVEWAY_CHECK(make_private_directory(file.parent_path()));
  return write_file_atomically(file, document.dump() + "\n", 0600);
}

}  // namespace

QuotaMemory::QuotaMemory(std::filesystem::path file, QuotaBudget& budget, Clock& clock)
    : file_(std::move(file)), budget_(budget), clock_(clock) {
  if (const auto state = read_state(file_)) budget_.recall(*state);
  kept_ = budget_.learned();
  thread_ = start_thread("dw-quota", [this] { run(); });
}

QuotaMemory::~QuotaMemory() {
  stop_.cancel();
  thread_.join();
  save_if_changed();
}

void QuotaMemory::run() {
  const Context context{.cancel = stop_.token()};
  while (sleep_until(context, clock_, clock_.now() + kBetweenWrites).ok()) save_if_changed();
}

void QuotaMemory::save_if_changed() {
  const QuotaState state = budget_.learned();
  if (state.counts_units == kept_.counts_units && state.pace == kept_.pace) return;
  if (const Status written = write_state(file_, state); !written.ok()) {
    log::warn("what was learned of Drive's limits is not kept: ", written.error());
    return;
  }
  kept_ = state;
}

}  // namespace driveway::drive
