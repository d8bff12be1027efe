// The life of a Vfs: opening, start, end.
#include "vfs/vfs.h"

#include <utility>

#include "base/log.h"
#include "vfs/vfs_impl.h"

namespace driveway::vfs {
namespace {

// How long a start waits for what Drive has of files that were being written to and sent when the
// last run was killed. One call each; without Drive it goes on all the same.
constexpr Duration kRecoveryPatience = std::chrono::seconds(5);

// R3: what is on its way may take a quarter of the memory that there is.
transfer::SchedulerOptions with_memory(transfer::SchedulerOptions options) {
  options.bytes_in_flight = transfer::bytes_in_flight_for_memory(options.bytes_in_flight);
  return options;
}

}  // namespace

VfsImpl::VfsImpl(VolumeFolder folder, const VfsOptions& options, drive::RemoteStore& store,
                 Clock& clock, Metrics& metrics)
    : folder_(std::move(folder)),
      options_(options),
      store_(store),
      clock_(clock),
      scheduler_(with_memory(options.scheduler), clock, metrics) {}

// Nothing is sent any more, then nothing is heard; what stands in the log is synced, contents first
// (D2), while the contents are still open.
VfsImpl::~VfsImpl() {
  if (sender_ != nullptr) sender_->stop();
  relay_.remove(folder_watch_);
  siblings_.reset();
  tree_.reset();
  if (drafts_ != nullptr) drafts_->stop();
  if (journal_ != nullptr) {
    if (const Status closed = journal_->close(); !closed.ok()) log::warn(closed.error());
  }
  opener_.reset();
  sender_.reset();
  drafts_.reset();
  blobs_.reset();
  fetcher_.reset();
  verifier_.reset();
  cache_.reset();
  journal_.reset();
  if (opened_) {
    if (const Status marked = folder_.mark_clean(); !marked.ok()) log::warn(marked.error());
  }
}

// Unopened: what is damaged may show only when it is written to. What Drive does not have stays.
Status VfsImpl::forget_untrusted(const std::vector<std::uint64_t>& dirty) {
  DRIVEWAY_CHECK(cache::ContentCache::erase(folder_.path(), dirty));
  std::error_code error;
  std::filesystem::remove_all(folder_.path() / "meta", error);
  if (error) return errno_error(error.value(), "cannot remove what was known of Drive");
  return folder_.mark_wiped();
}

Status VfsImpl::open_stores(Metrics& metrics) {
  const auto& path = folder_.path();
  journal::JournalOptions options;
  options.ledger.folder = path / "journal";
  options.ledger.account = options_.account;
  if (!options_.boot_id.empty()) options.ledger.boot_id = options_.boot_id;
  options.changes = options_.changes;
  DRIVEWAY_TRY(journal_, journal::Journal::open(options, clock_, metrics));
  const auto dirty = Drafts::numbers(*journal_, folder_.machine_crashed());
  if (folder_.machine_crashed()) DRIVEWAY_CHECK(forget_untrusted(dirty));
  inodes_ = std::make_unique<JournalInodes>(*journal_);
  own_changes_ = std::make_unique<JournalChanges>(*journal_, clock_);
  DRIVEWAY_TRY(cache_, cache::ContentCache::open(path, options_.cache, clock_, metrics, dirty));
  DRIVEWAY_TRY(tree_, tree::Tree::open(path / "meta", options_.tree, store_, scheduler_, *inodes_,
                                       clock_, metrics, own_changes_.get()));
  return {};
}

void VfsImpl::open_reads(Metrics& metrics) {
  fetcher_ =
      std::make_unique<transfer::Fetcher>(options_.fetcher, store_, scheduler_, clock_, metrics);
  verifier_ = std::make_unique<Verifier>(*cache_, metrics);
  past_cache_ = std::make_unique<PastCache>(store_, scheduler_, clock_);
  blobs_ = std::make_unique<Blobs>(*cache_, *fetcher_, *past_cache_, *verifier_,
                                   options_.cache.capacity / 2, clock_, metrics);
  blobs_->on_stale([this](const Context& context) {
    if (const Status polled = tree_->poll(context); !polled.ok()) {
      log::debug("what was replaced is not known yet: ", polled.error());
    }
  });
  whole_fetch_ = std::make_unique<WholeFetch>(*blobs_, *fetcher_, clock_);
}

Status VfsImpl::open_changes(bool machine_crashed, Metrics& metrics) {
  DRIVEWAY_TRY(drafts_, Drafts::open({.cache = *cache_,
                                      .blobs = *blobs_,
                                      .fetcher = *fetcher_,
                                      .journal = *journal_,
                                      .clock = clock_,
                                      .space_patience = options_.space_patience},
                                     machine_crashed));
  view_ = std::make_unique<View>(*tree_, journal_.get(), drafts_.get());
  sibling_source_ =
      std::make_unique<LocalSiblings>(*view_, *drafts_, *cache_, *blobs_, *fetcher_, store_);
  siblings_ = std::make_unique<Siblings>(siblings_options(options_.cache.capacity),
                                         *sibling_source_, clock_, metrics);
  folder_watch_.tell(siblings_.get());
  relay_.add(folder_watch_);
  writes_ = std::make_unique<LocalWrites>(*view_, *drafts_, open_nodes_);
  row_watch_ = std::make_unique<RowWatch>(*journal_, *writes_, relay_);
  recovery_ = std::make_unique<Recovery>(*journal_, *drafts_, clock_);
  changing_ = std::make_unique<Changing>(ChangeParts{*tree_, *view_, *journal_, *drafts_, sender_,
                                                     open_nodes_, late_opens_, relay_, clock_});
  local_side_ = std::make_unique<LocalParts>(*tree_, *view_, *drafts_, changing_->naming, *writes_,
                                             *whole_fetch_, clock_);
  sender_ =
      journal::Sender::make(options_.sender, *journal_, store_, *local_side_, clock_, metrics);
  opener_ = std::make_unique<Opener>(Opener::Parts{changing_->parts, changing_->naming, *blobs_,
                                                   *siblings_, *writes_, *recovery_, store_},
                                     FileOptions{options_.fsync, options_.max_backlog});
  journal_->on_sync([this] { return drafts_->sync_all(); });
  journal_->on_synced([this](std::uint64_t sequence) { drafts_->synced(sequence); });
  journal_->on_change([this](const std::vector<InodeId>& inodes) {
    row_watch_->changed(inodes);
    recovery_->changed(inodes);
  });
  return {};
}

Status VfsImpl::open_parts(Metrics& metrics) {
  const bool machine_crashed = folder_.machine_crashed();
  DRIVEWAY_CHECK(open_stores(metrics));
  open_reads(metrics);
  DRIVEWAY_CHECK(open_changes(machine_crashed, metrics));
  opened_ = true;
  return {};
}

Status VfsImpl::start(const Context& context) {
  const bool changes = !options_.read_only;
  if (changes) {
    relay_.on_item([this](const FileId& id, const std::optional<drive::Item>& item,
                          InodeId parent) { sender_->heard(id, item, parent); });
  }
  row_watch_->start();
  DRIVEWAY_CHECK(tree_->start(context, &relay_));
  if (!changes) return {};
  recovery_->start();
  sender_->start();
  recovery_->wait(context.with_deadline(clock_.now() + kRecoveryPatience));
  return {};
}

Result<std::unique_ptr<Vfs>> Vfs::open(const std::filesystem::path& folder,
                                       const VfsOptions& options, drive::RemoteStore& store,
                                       Clock& clock, Metrics& metrics) {
  DRIVEWAY_TRY(
      auto volume,
      VolumeFolder::acquire(folder, options.boot_id.empty() ? current_boot_id() : options.boot_id));
  auto vfs = std::make_unique<VfsImpl>(std::move(volume), options, store, clock, metrics);
  DRIVEWAY_CHECK(vfs->open_parts(metrics));
  return std::unique_ptr<Vfs>(std::move(vfs));
}

}  // namespace driveway::vfs
