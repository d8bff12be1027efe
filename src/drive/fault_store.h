// Any RemoteStore, failing on demand: for tests, over a DriveStore too. See fault_plan.h.
// Thread-safe.
#pragma once

#include "drive/decorated_store.h"
#include "drive/fault_plan.h"

namespace driveway::drive {

class FaultStore final : public DecoratedStore {
 public:
  FaultStore(RemoteStore& inner, FaultPlan& plan) : DecoratedStore(inner), plan_(plan) {}
  Status read(const Context& context, const Item& item, ByteRange range, ByteSink& sink) override;
  Status export_document(const Context& context, const FileId& id, const std::string& mime_type,
                         ByteSink& sink) override;
  Result<Item> create(const Context& context, const NewItem& item, ContentSource* content) override;
  Result<Item> update(const Context& context, const FileId& id, const ItemPatch& patch,
                      ContentSource* content) override;
  Result<UploadProgress> send(const Context& context, const UploadSession& session, ByteRange range,
                              ContentSource& content) override;
  Status read_revision(const Context& context, const FileId& id, const Revision& revision,
                       Bytes size, ByteRange range, ByteSink& sink) override;

 protected:
  Status around(const Context& context, const CallInfo& call, const Attempt& attempt) override;

 private:
  FaultPlan& plan_;
};

}  // namespace driveway::drive
