#include "tree/meta_store.h"

#include <system_error>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace driveway::tree {
namespace {

constexpr std::uint32_t kFormatVersion = 1;

struct NamedTable {
  store::Table MetaTables::*table;
  const char* name;
};
constexpr NamedTable kTables[] = {
    {&MetaTables::items, "items"},       {&MetaTables::ids, "ids"},
    {&MetaTables::names, "names"},       {&MetaTables::twins, "twins"},
    {&MetaTables::listings, "listings"}, {&MetaTables::feeds, "feeds"},
    {&MetaTables::recent, "recent"},     {&MetaTables::shortcuts, "shortcuts"},
    {&MetaTables::aliases, "aliases"},   {&MetaTables::doomed, "doomed"},
    {&MetaTables::head, "head"},
};

}  // namespace

Result<std::unique_ptr<MetaStore>> MetaStore::try_open(const std::filesystem::path& folder) {
  store::EnvOptions options;
  options.format_version = kFormatVersion;
  DRIVEWAY_TRY(auto env, store::Env::open(folder, options));
  std::unique_ptr<MetaStore> meta(new MetaStore(std::move(env)));
  for (const NamedTable& each : kTables) {
    DRIVEWAY_TRY(meta->tables_.*each.table, meta->env_->table(each.name));
  }
  return meta;
}

Result<std::unique_ptr<MetaStore>> MetaStore::open(const std::filesystem::path& folder) {
  auto meta = try_open(folder);
  if (!meta.failed_with(ErrorCode::kCorrupt)) return meta;
  log::warn("the names cache cannot be used and is begun anew: ", meta.error());
  std::error_code failed;
  std::filesystem::remove_all(folder, failed);
  if (failed) return errno_error(failed.value(), cat("remove ", folder.native()));
  return try_open(folder);
}

Result<MetaReader> MetaStore::read() const {
  DRIVEWAY_TRY(store::ReadTxn txn, std::as_const(*env_).read());
  return MetaReader(std::make_unique<store::ReadTxn>(std::move(txn)), tables_);
}

Result<MetaWriter> MetaStore::write() {
  DRIVEWAY_TRY(store::WriteTxn txn, env_->write());
  return MetaWriter(std::make_unique<store::WriteTxn>(std::move(txn)), tables_);
}

}  // namespace driveway::tree
