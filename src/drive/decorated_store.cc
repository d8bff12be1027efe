#include "drive/decorated_store.h"

namespace driveway::drive {
namespace {

CallInfo call_of(Method method, const Context& context) {
  CallInfo call;
  call.method = method;
  call.priority = context.priority;
  return call;
}

CallInfo call_about(Method method, const Context& context, const NewItem& item) {
  CallInfo call = call_of(method, context);
  call.id = item.id;
  call.name = item.name;
  return call;
}

CallInfo call_about(Method method, const Context& context, const FileId& id,
                    const ItemPatch& patch) {
  CallInfo call = call_of(method, context);
  call.id = id;
  call.name = patch.name.value_or("");
  return call;
}

CallInfo call_about(Method method, const Context& context, const FileId& id,
                    const Revision& revision) {
  CallInfo call = call_of(method, context);
  call.id = id;
  call.revision = revision;
  return call;
}

}  // namespace

template <typename T>
Result<T> DecoratedStore::pass(const Context& context, const CallInfo& call,
                               const std::function<Result<T>()>& ask) {
  std::optional<T> value;
  DRIVEWAY_CHECK(around(context, call, [&]() -> Status {
    DRIVEWAY_TRY(value, ask());
    return {};
  }));
  if (!value) return Error{ErrorCode::kInternal, "a call ended well without an answer"};
  return *std::move(value);
}

Result<About> DecoratedStore::about(const Context& context) {
  return pass<About>(context, call_of(Method::kAbout, context),
                     [&] { return inner_.about(context); });
}

Result<Item> DecoratedStore::get(const Context& context, const FileId& id) {
  CallInfo call = call_of(Method::kGet, context);
  call.id = id;
  return pass<Item>(context, call, [&] { return inner_.get(context, id); });
}

Result<ItemPage> DecoratedStore::list(const Context& context, const ListQuery& query,
                                      const std::string& page_token) {
  CallInfo call = call_of(Method::kList, context);
  call.query = query;
  call.drive = query.drive;
  call.page_token = page_token;
  return pass<ItemPage>(context, call, [&] { return inner_.list(context, query, page_token); });
}

Result<std::vector<SharedDrive>> DecoratedStore::shared_drives(const Context& context) {
  return pass<std::vector<SharedDrive>>(context, call_of(Method::kSharedDrives, context),
                                        [&] { return inner_.shared_drives(context); });
}

Result<std::string> DecoratedStore::start_page_token(const Context& context, const Feed& feed) {
  CallInfo call = call_of(Method::kStartPageToken, context);
  call.drive = feed.drive;
  return pass<std::string>(context, call, [&] { return inner_.start_page_token(context, feed); });
}

Result<ChangePage> DecoratedStore::changes(const Context& context, const Feed& feed,
                                           const std::string& page_token) {
  CallInfo call = call_of(Method::kChanges, context);
  call.drive = feed.drive;
  call.page_token = page_token;
  return pass<ChangePage>(context, call, [&] { return inner_.changes(context, feed, page_token); });
}

Status DecoratedStore::read(const Context& context, const Item& item, ByteRange range,
                            ByteSink& sink) {
  CallInfo call = call_of(Method::kRead, context);
  call.id = item.id;
  call.range = range;
  return around(context, call, [&] { return inner_.read(context, item, range, sink); });
}

Status DecoratedStore::export_document(const Context& context, const FileId& id,
                                       const std::string& mime_type, ByteSink& sink) {
  CallInfo call = call_of(Method::kExport, context);
  call.id = id;
  return around(context, call,
                [&] { return inner_.export_document(context, id, mime_type, sink); });
}

Result<std::vector<FileId>> DecoratedStore::generate_ids(const Context& context, int count) {
  return pass<std::vector<FileId>>(context, call_of(Method::kGenerateIds, context),
                                   [&] { return inner_.generate_ids(context, count); });
}

Result<Item> DecoratedStore::create(const Context& context, const NewItem& item,
                                    ContentSource* content) {
  return pass<Item>(context, call_about(Method::kCreate, context, item),
                    [&] { return inner_.create(context, item, content); });
}

Result<Item> DecoratedStore::update(const Context& context, const FileId& id,
                                    const ItemPatch& patch, ContentSource* content) {
  return pass<Item>(context, call_about(Method::kUpdate, context, id, patch),
                    [&] { return inner_.update(context, id, patch, content); });
}

Result<Item> DecoratedStore::copy(const Context& context, const FileId& source,
                                  const NewItem& item) {
  CallInfo call = call_about(Method::kCopy, context, item);
  call.source = source;
  return pass<Item>(context, call, [&] { return inner_.copy(context, source, item); });
}

Status DecoratedStore::remove(const Context& context, const FileId& id) {
  CallInfo call = call_of(Method::kRemove, context);
  call.id = id;
  return around(context, call, [&] { return inner_.remove(context, id); });
}

Result<UploadSession> DecoratedStore::begin_create(const Context& context, const NewItem& item,
                                                   Bytes size) {
  return pass<UploadSession>(context, call_about(Method::kBeginUpload, context, item),
                             [&] { return inner_.begin_create(context, item, size); });
}

Result<UploadSession> DecoratedStore::begin_update(const Context& context, const FileId& id,
                                                   const ItemPatch& patch, Bytes size) {
  return pass<UploadSession>(context, call_about(Method::kBeginUpload, context, id, patch),
                             [&] { return inner_.begin_update(context, id, patch, size); });
}

Result<UploadProgress> DecoratedStore::send(const Context& context, const UploadSession& session,
                                            ByteRange range, ContentSource& content) {
  CallInfo call = call_of(Method::kSend, context);
  call.id = session.id;
  call.range = range;
  return pass<UploadProgress>(context, call,
                              [&] { return inner_.send(context, session, range, content); });
}

Result<UploadProgress> DecoratedStore::progress(const Context& context,
                                                const UploadSession& session) {
  CallInfo call = call_of(Method::kProgress, context);
  call.id = session.id;
  return pass<UploadProgress>(context, call, [&] { return inner_.progress(context, session); });
}

Status DecoratedStore::cancel(const Context& context, const UploadSession& session) {
  CallInfo call = call_of(Method::kCancelUpload, context);
  call.id = session.id;
  return around(context, call, [&] { return inner_.cancel(context, session); });
}

Result<std::vector<RevisionInfo>> DecoratedStore::revisions(const Context& context,
                                                            const FileId& id) {
  CallInfo call = call_of(Method::kRevisions, context);
  call.id = id;
  return pass<std::vector<RevisionInfo>>(context, call,
                                         [&] { return inner_.revisions(context, id); });
}

Status DecoratedStore::keep_revision(const Context& context, const FileId& id,
                                     const Revision& revision, bool keep) {
  return around(context, call_about(Method::kKeepRevision, context, id, revision),
                [&] { return inner_.keep_revision(context, id, revision, keep); });
}

Status DecoratedStore::remove_revision(const Context& context, const FileId& id,
                                       const Revision& revision) {
  return around(context, call_about(Method::kRemoveRevision, context, id, revision),
                [&] { return inner_.remove_revision(context, id, revision); });
}

Status DecoratedStore::read_revision(const Context& context, const FileId& id,
                                     const Revision& revision, Bytes size, ByteRange range,
                                     ByteSink& sink) {
  CallInfo call = call_about(Method::kReadRevision, context, id, revision);
  call.range = range;
  return around(context, call,
                [&] { return inner_.read_revision(context, id, revision, size, range, sink); });
}

}  // namespace driveway::drive
