// The class behind make_drive_store(): what it asks is in drive_store.cc, what it changes in
// drive_store_edits.cc and drive_store_uploads.cc. Private to drive/.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "drive/drive_client.h"
#include "drive/drive_store.h"

namespace driveway::drive {

inline std::string file_path(const FileId& id) { return cat("files/", percent_encode(id.value())); }
inline std::string revision_path(const FileId& id, const Revision& revision) {
  return cat(file_path(id), "/revisions/", percent_encode(revision.value()));
}
// What stands for My Drive's root in requests, also for logins that do not see it (reference 1).
inline constexpr std::string_view kRootAlias = "root";
// My Drive's root as a login has it that does not see it: a folder that it can put its files into.
Item unseen_root();
inline Error without_id() { return {ErrorCode::kInvalidArgument, "an item without an id"}; }

class DriveStore final : public RemoteStore {
 public:
  DriveStore(http::HttpClient& http, auth::TokenSource& tokens, Clock& clock, DriveOptions options)
      : client_(http, tokens, clock, std::move(options.api_url)),
        acknowledge_abuse_(options.acknowledge_abuse) {}

  Result<About> about(const Context& context) override;
  Result<Item> get(const Context& context, const FileId& id) override;
  Result<ItemPage> list(const Context& context, const ListQuery& query,
                        const std::string& page_token) override;
  Result<std::vector<SharedDrive>> shared_drives(const Context& context) override;
  Result<std::string> start_page_token(const Context& context, const Feed& feed) override;
  Result<ChangePage> changes(const Context& context, const Feed& feed,
                             const std::string& page_token) override;
  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override;
  Status export_document(const Context& context, const FileId& id, const std::string& mime_type,
                         ByteSink& sink) override;

  Result<std::vector<FileId>> generate_ids(const Context& context, int count) override;
  Result<Item> create(const Context& context, const NewItem& item, ContentSource* content) override;
  Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                      ContentSource* content) override;
  Result<Item> copy(const Context& context, const FileId& source, const NewItem& item) override;
  Status remove(const Context& context, const FileId& id) override;

  Result<UploadSession> begin_create(const Context& context, const NewItem& item,
                                     Bytes size) override;
  Result<UploadSession> begin_update(const Context& context, const FileId& id,
                                     const ItemPatch& patch, Bytes size) override;
  Result<UploadProgress> send(const Context& context, const UploadSession& session, ByteRange range,
                              ContentSource& content) override;
  Result<UploadProgress> progress(const Context& context, const UploadSession& session) override;
  Status cancel(const Context& context, const UploadSession& session) override;

  Result<std::vector<RevisionInfo>> revisions(const Context& context, const FileId& id) override;
  Status keep_revision(const Context& context, const FileId& id, const Revision& revision,
                       bool keep) override;
  Status remove_revision(const Context& context, const FileId& id,
                         const Revision& revision) override;
  Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                       Bytes size, ByteRange range, ByteSink& sink) override;

 private:
  // Where the bytes of something are, with the parameters beside alt=media.
  struct MediaPath {
    std::string path;
    Parameters parameters;
  };
  Status complete(const Context& context, Change& change);
  // drive_store_places.cc, for a login that sees its own files only: a parent that it does not see
  // becomes the root.
  Status place(const Context& context, Item& item);
  Result<bool> sees(const Context& context, const FileId& folder);
  // The bytes [range) of what `item` describes.
  Status read_media(const Context& context, const Item& item, const MediaPath& media,
                    ByteRange range, ByteSink& sink);
  Status read_media_once(const Context& context, const Item& item, const MediaPath& media,
                         ByteRange range, ByteSink& sink, bool acknowledge);
  bool is_acknowledged(const FileId& id);

  // A file resource in an answer to a change: kCorrupt if it is not `id` (empty: any).
  Result<Item> item_of(const Context& context, http::Response response, const FileId& id,
                       std::string_view what);
  // Sends `edit`, whose path and metadata are those of files/…, with `content` if there is one.
  Result<Item> change(const Context& context, EditRequest edit, const std::string& path,
                      Parameters parameters, std::string_view mime_type, ContentSource* content,
                      const FileId& id, std::string_view what);
  Status delete_at(const Context& context, EditRequest edit, std::string_view what);

  Result<UploadSession> begin(const Context& context, EditRequest edit, const std::string& path,
                              Parameters parameters, const std::string& mime_type, Bytes size,
                              const FileId& id, std::string_view what);
  Result<UploadProgress> ask_session(const Context& context, const UploadSession& session,
                                     EditRequest edit, ByteRange range, std::string_view what);

  DriveClient client_;
  // Parents that were asked for, of logins that see their own files only.
  std::mutex places_mutex_;
  std::unordered_map<FileId, bool> seen_;  // guarded by places_mutex_

  const bool acknowledge_abuse_;
  std::mutex abusive_mutex_;
  std::unordered_set<FileId> abusive_;  // guarded by abusive_mutex_: what Drive said it of
};

}  // namespace driveway::drive
