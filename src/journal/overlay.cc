#include "journal/overlay.h"

#include "journal/batch.h"

namespace driveway::journal {

void Overlay::apply(std::uint64_t sequence, std::string_view batch) {
  const std::lock_guard lock(mutex_);
  static_cast<void>(for_each_edit(batch, [&](const RowEdit& edit) -> Status {
                      Row row{sequence, std::nullopt};
                      if (edit.value) row.value = std::string(*edit.value);
                      tables_[std::string(edit.table)].insert_or_assign(std::string(edit.key),
                                                                        std::move(row));
                      return {};
                    }).ok());
}

void Overlay::drop(std::uint64_t sequence, std::string_view batch) {
  const std::lock_guard lock(mutex_);
  static_cast<void>(for_each_edit(batch, [&](const RowEdit& edit) -> Status {
                      Rows& rows = tables_[std::string(edit.table)];
                      const auto row = rows.find(edit.key);
                      if (row != rows.end() && row->second.sequence == sequence) rows.erase(row);
                      return {};
                    }).ok());
}

std::optional<Overlay::Row> Overlay::get(std::string_view table, std::string_view key) const {
  const std::lock_guard lock(mutex_);
  const auto rows = tables_.find(table);
  if (rows == tables_.end()) return std::nullopt;
  const auto row = rows->second.find(key);
  if (row == rows->second.end()) return std::nullopt;
  return row->second;
}

Overlay::Rows Overlay::copy(std::string_view table, std::string_view from,
                            std::string_view until) const {
  const auto rows = tables_.find(table);
  if (rows == tables_.end()) return {};
  const auto begin = rows->second.lower_bound(from);
  const auto end = until.empty() ? rows->second.end() : rows->second.lower_bound(until);
  // An empty range where `until` stands before `from`.
  if (!until.empty() && until <= from) return {};
  return {begin, end};
}

}  // namespace driveway::journal
