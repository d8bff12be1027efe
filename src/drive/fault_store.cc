#include "drive/fault_store.h"

namespace driveway::drive {

Status FaultStore::around(const Context& context, const CallInfo& call, const Attempt& attempt) {
  DRIVEWAY_CHECK(plan_.before(context, call));
  DRIVEWAY_CHECK(attempt());
  return plan_.after(call);
}

Status FaultStore::read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) {
  std::unique_ptr<ByteSink> wrapper;
  return DecoratedStore::read(context, item, range, plan_.wrap(Method::kRead, sink, wrapper));
}

Status FaultStore::export_document(const Context& context, const FileId& id,
                                   const std::string& mime_type, ByteSink& sink) {
  std::unique_ptr<ByteSink> wrapper;
  return DecoratedStore::export_document(context, id, mime_type,
                                         plan_.wrap(Method::kExport, sink, wrapper));
}

Result<Item> FaultStore::create(const Context& context, const NewItem& item,
                                ContentSource* content) {
  std::unique_ptr<ContentSource> wrapper;
  return DecoratedStore::create(context, item, plan_.wrap(Method::kCreate, content, wrapper));
}

Result<Item> FaultStore::update(const Context& context, const FileId& id, const ItemPatch& patch,
                                ContentSource* content) {
  std::unique_ptr<ContentSource> wrapper;
  return DecoratedStore::update(context, id, patch, plan_.wrap(Method::kUpdate, content, wrapper));
}

Result<UploadProgress> FaultStore::send(const Context& context, const UploadSession& session,
                                        ByteRange range, ContentSource& content) {
  std::unique_ptr<ContentSource> wrapper;
  return DecoratedStore::send(context, session, range,
                              *plan_.wrap(Method::kSend, &content, wrapper));
}

Status FaultStore::read_revision(const Context& context, const FileId& id, const Revision& revision,
                                 Bytes size, ByteRange range, ByteSink& sink) {
  std::unique_ptr<ByteSink> wrapper;
  return DecoratedStore::read_revision(context, id, revision, size, range,
                                       plan_.wrap(Method::kReadRevision, sink, wrapper));
}

}  // namespace driveway::drive
